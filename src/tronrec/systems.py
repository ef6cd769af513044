"""Completes the parameter block of every data set, or says all that is wrong with it.

A system of Table 2 is data: `systems` in the configuration states how each differs
from the defaults in `tronrec.params`, everywhere and on single data sets. A block has
layers: defaults, its system, its system on that data set, what is stated in the block;
the later one wins. This module works on plain dicts and does not know Kedro.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

from tronrec.catalog import RAW_LOG, RUNTIME_KEYS, SHARED_BLOCKS
from tronrec.errors import UserError
from tronrec.params import (
    AS_CONFIGURED,
    DatasetParams,
    Params,
    SystemParams,
    TuningParams,
)
from tronrec.problems import as_block, find_problems, suggest, unknown_names

TUNED = "tuned"
"""The system that tuning found on a data set; the pipeline `tune_*` makes it."""

Tree = dict[str, Any]


@dataclass(frozen=True)
class System:
    """A row of Table 2: how it differs from the defaults."""

    name: str
    everywhere: Tree
    by_dataset: dict[str, Tree]
    """Further differences on single data sets."""

    @classmethod
    def read(cls, name: str, entry: object) -> Self:
        """Take the differences of single data sets out of an entry of `systems`."""
        path = f"systems.{name}"
        everywhere = dict(as_block(path, entry))
        path = f"{path}.datasets"
        by_dataset = as_block(path, everywhere.pop("datasets", None))
        return cls(
            name,
            everywhere,
            {
                key: as_block(f"{path}.{key}", value)
                for key, value in by_dataset.items()
            },
        )

    def layers(self, dataset: str) -> list[Tree]:
        """Return the differences on `dataset`, in the order in which they apply."""
        return [self.everywhere, self.by_dataset.get(dataset, {})]

    def problems(self, datasets: Collection[str]) -> Iterator[str]:
        """Yield a line for each problem of the entry."""
        path = f"systems.{self.name}"
        yield from _last_layer_problems(SystemParams, path, [self.everywhere])
        yield from unknown_names(f"{path}.datasets", self.by_dataset, datasets)
        for dataset in self.by_dataset:
            layers = self.layers(dataset)
            path_there = f"{path}.datasets.{dataset}"
            yield from _last_layer_problems(SystemParams, path_there, layers)


Systems = dict[str, System]
"""The systems that a parameter may name."""


@dataclass(frozen=True)
class Selection:
    """Systems that a parameter of a data set names, and how each differs there."""

    dataset: str
    path: str
    """The parameter's full name."""
    differences: Tree
    """System -> further differences."""

    @classmethod
    def read(cls, dataset: str, path: str, names: object) -> Self:
        """Take a list of names, names in a string, or names and differences."""
        if isinstance(names, str):
            names = names.split()
        if isinstance(names, list):
            names = dict.fromkeys(map(str, names))
        return cls(dataset, path, as_block(path, names))

    def _layers(self, name: str, systems: Systems) -> list[Tree]:
        differences = as_block(f"{self.path}.{name}", self.differences[name])
        return [*systems[name].layers(self.dataset), differences]

    def problems(self, systems: Systems) -> Iterator[str]:
        """Yield a line for each problem of names and differences."""
        known = [name for name in systems if name != AS_CONFIGURED]
        yield from unknown_names(self.path, self.differences.keys() - systems, known)
        for name in self.differences.keys() & systems.keys():
            layers, path = self._layers(name, systems), f"{self.path}.{name}"
            yield from _last_layer_problems(SystemParams, path, layers)

    def resolve(self, systems: Systems) -> Tree:
        """Return every parameter of every known system; the block's is among them."""
        known = [name for name in self.differences if name in systems]
        resolved = {
            name: _stack(SystemParams, self._layers(name, systems)) for name in known
        }
        configured = systems[AS_CONFIGURED].everywhere
        if configured in resolved.values():
            return resolved
        return {AS_CONFIGURED: configured} | resolved


@dataclass(frozen=True)
class Block:
    """What the configuration states about a data set."""

    dataset: str
    system: str
    shared: Tree
    """What is stated about all data sets."""
    stated: Tree
    """What is stated about this one, without the names of systems."""
    benchmark: Selection
    warm_start: Selection

    @classmethod
    def read(cls, dataset: str, entry: object, tuning: Tree, systems: Systems) -> Self:
        """Take the names of systems out of a data set's block."""
        stated = as_block(dataset, entry)
        system = str(stated.get("system") or DatasetParams().system)
        path = f"{dataset}.benchmark"
        benchmark = dict(as_block(path, stated.get("benchmark")))
        names = benchmark.pop("systems", None) or list(systems)
        compared = Selection.read(dataset, f"{path}.systems", names)
        shared = dict(tuning)
        names = shared.pop("warm_start", None)
        path = "tuning.warm_start"
        search = dict(as_block(f"{dataset}.tuning", stated.get("tuning")))
        if "warm_start" in search:
            names, path = search.pop("warm_start"), f"{dataset}.{path}"
        tried_first = Selection.read(dataset, path, names)
        stated |= {"benchmark": benchmark, "tuning": search}
        return cls(dataset, system, {"tuning": shared}, stated, compared, tried_first)

    def resolve(
        self,
        systems: Systems,
        find_tuned: Callable[[str], Tree] | None,
        runtime: Tree,
    ) -> tuple[Tree, list[str]]:
        """Return the complete block, and a line for each of its problems."""
        problems: list[str] = []
        names = (self.system, *self.benchmark.differences, *self.warm_start.differences)
        if TUNED in names and find_tuned is not None:
            by_dataset = {"datasets": {self.dataset: find_tuned(self.dataset)}}
            tuned = System.read(TUNED, by_dataset)
            systems = systems | {TUNED: tuned}
            problems += tuned.problems([self.dataset])
        if self.system not in systems:
            known = ", ".join(systems) or "none"
            problems.append(
                f"{self.dataset}.system = {self.system}: unknown; known: {known}"
            )
        layers = self._layers(systems, runtime)
        problems += _last_layer_problems(DatasetParams, self.dataset, layers)
        block = _stack(DatasetParams, layers)
        configured = {name: block[name] for name in SystemParams.model_fields}
        systems = systems | {AS_CONFIGURED: System(AS_CONFIGURED, configured, {})}
        problems += self.benchmark.problems(systems)
        problems += self.warm_start.problems(systems)
        selected = {
            "benchmark": {"systems": self.benchmark.resolve(systems)},
            "tuning": {"warm_start": self.warm_start.resolve(systems)},
        }
        return merge(block, selected), problems

    def _layers(self, systems: Systems, runtime: Tree) -> list[Tree]:
        """Return what is laid over the defaults, in this order."""
        system = systems.get(self.system, System(self.system, {}, {}))
        stated = self.stated
        if self.system == TUNED:
            typed = {name: runtime.get(name) for name in SystemParams.model_fields}
            stated = reduce(merge, (stated, *system.layers(self.dataset), typed))
        return [self.shared, *system.layers(self.dataset), stated]


def resolve_parameters(
    parameters: Tree,
    datasets: Collection[str],
    find_tuned: Callable[[str], Tree] | None = None,
    runtime: Tree | None = None,
) -> Tree:
    """Return `parameters` with the block of every data set complete and checked.

    Args:
        parameters: What the configuration states.
        datasets: The names of the data sets.
        find_tuned: Data set -> how its system `tuned` differs from the defaults.
        runtime: The part of the parameters that the command line states; only this
            wins over `tuned`, of which the files knew nothing.

    Raises:
        UserError: Something is unknown or out of range; each problem has its line.
    """
    entries = as_block("systems", parameters.get("systems"))
    systems = {name: System.read(name, entry) for name, entry in entries.items()}
    problems = [*_unknown_blocks(parameters, datasets)]
    for system in systems.values():
        problems += system.problems(datasets)
    tuning = as_block("tuning", parameters.get("tuning"))
    search = {key: value for key, value in tuning.items() if key != "warm_start"}
    problems += _last_layer_problems(TuningParams, "tuning", [search])
    blocks: Tree = {}
    for dataset in datasets:
        block = Block.read(dataset, parameters.get(dataset), tuning, systems)
        typed = as_block(dataset, (runtime or {}).get(dataset))
        blocks[dataset], lines = block.resolve(systems, find_tuned, typed)
        problems += lines
    if problems:
        raise UserError("\n  ".join(("Invalid parameters:", *dict.fromkeys(problems))))
    return parameters | {
        dataset: DatasetParams.model_validate(block).model_dump(mode="json")
        for dataset, block in blocks.items()
    }


def _unknown_blocks(parameters: Tree, datasets: Collection[str]) -> Iterator[str]:
    """Yield a line for each name that is neither a data set nor another parameter."""
    known = (*datasets, *SHARED_BLOCKS, *RUNTIME_KEYS)
    for name in [name for name in parameters if name not in known]:
        hint = suggest(name, known)
        if isinstance(parameters[name], dict) and not hint.endswith("?"):
            hint += f"; a data set has an entry {name}.{RAW_LOG} in the catalog"
        yield f"{name}: unknown; {hint}"


def merge(base: Any, changes: Any) -> Any:
    """Return `base` with `changes` laid over it; an empty block changes nothing."""
    if not isinstance(base, dict):
        return changes
    if not isinstance(changes, dict):
        return base if changes is None else changes
    return base | {key: merge(base.get(key), value) for key, value in changes.items()}


def _stack(model: type[Params], layers: Iterable[Tree]) -> Any:
    """Return the defaults of `model` with each layer laid over."""
    return reduce(merge, layers, model().model_dump(mode="json"))


def _last_layer_problems(
    model: type[Params], path: str, layers: list[Tree]
) -> Iterator[str]:
    """Yield what the last of `layers` makes wrong, not what those before it did."""
    inherited = find_problems(model, _stack(model, layers[:-1]))
    for name, problem in find_problems(model, _stack(model, layers)).items():
        if name not in inherited:
            yield f"{path}{name}{problem}"
