"""Completes the parameter block of every data set, or says all that is wrong with it.

A system of Table 2 is data: `systems` in the configuration states how each differs
from the defaults in `tronrec.params`, everywhere and on single data sets. A block has
layers: defaults, its system, its system on that data set, its own values; the later one
wins. This module works on plain dicts and does not know Kedro.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Any, Self, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tronrec.errors import UserError
from tronrec.params import DatasetParams, Params, SystemParams, TuningParams

PUBLISHED = ("diginetica", "yoochoose", "otto")
"""The data sets of the paper."""

DATASETS = (*PUBLISHED, "shop")
"""All data sets; each has a parameter block, catalog entries and pipelines. What `shop`
is, the catalog says."""

TUNED = "tuned"
"""The system that tuning found on a data set; the pipeline `tune_*` makes it."""

RUNTIME_KEYS = ("raw_root",)
"""What `--params` may set beside the blocks: values that only the catalog reads."""

Tree = dict[str, Any]


@dataclass(frozen=True)
class System:
    """A row of Table 2: how it differs from the defaults."""

    name: str
    everywhere: Tree
    on: dict[str, Tree]
    """Further differences by data set."""

    @classmethod
    def read(cls, name: str, entry: object) -> Self:
        """Take the differences of single data sets out of an entry of `systems`."""
        place = f"systems.{name}"
        everywhere = dict(_as_block(place, entry))
        place = f"{place}.datasets"
        on = _as_block(place, everywhere.pop("datasets", None))
        return cls(
            name, everywhere, {k: _as_block(f"{place}.{k}", v) for k, v in on.items()}
        )

    def layers(self, dataset: str) -> list[Tree]:
        """Return the differences on `dataset`, in the order in which they apply."""
        return [self.everywhere, self.on.get(dataset, {})]

    def problems(self) -> Iterator[str]:
        """Yield a line for each problem of the entry."""
        place = f"systems.{self.name}"
        yield from _own_problems(SystemParams, place, [self.everywhere])
        yield from _unknown_names(f"{place}.datasets", self.on, DATASETS)
        for dataset in self.on:
            yield from _own_problems(
                SystemParams, f"{place}.datasets.{dataset}", self.layers(dataset)
            )


@dataclass(frozen=True)
class Chosen:
    """Systems that a parameter names, and how each differs there."""

    dataset: str
    place: str
    """The parameter's full name."""
    changes: Tree
    """System -> further differences."""

    @classmethod
    def read(cls, dataset: str, place: str, names: object) -> Self:
        """Take a list of names, names in a string, or names and differences."""
        if isinstance(names, str):
            names = names.split()
        if isinstance(names, list):
            names = dict.fromkeys(map(str, names))
        return cls(dataset, place, _as_block(place, names))

    def _layers(self, name: str, systems: dict[str, System]) -> list[Tree]:
        changes = _as_block(f"{self.place}.{name}", self.changes[name])
        return [*systems[name].layers(self.dataset), changes]

    def problems(self, systems: dict[str, System]) -> Iterator[str]:
        """Yield a line for each problem of names and differences."""
        yield from _unknown_names(self.place, self.changes, tuple(systems))
        for name in self.changes.keys() & systems.keys():
            layers = self._layers(name, systems)
            yield from _own_problems(SystemParams, f"{self.place}.{name}", layers)

    def resolve(self, systems: dict[str, System]) -> Tree:
        """Return every parameter of every system that is known."""
        known = [name for name in self.changes if name in systems]
        return {
            name: _stack(SystemParams, self._layers(name, systems)) for name in known
        }


def resolve_parameters(
    parameters: Tree,
    find_tuned: Callable[[str], Tree] | None = None,
    runtime: Tree | None = None,
) -> Tree:
    """Return `parameters` with the block of every data set complete and checked.

    Args:
        parameters: What the configuration states.
        find_tuned: Data set -> how its system `tuned` differs from the defaults.
        runtime: The part of the parameters that the command line states; only this
            wins over `tuned`, of which the files knew nothing.

    Raises:
        UserError: Something is unknown or out of range; each problem has its line.
    """
    entries = _as_block("systems", parameters.get("systems"))
    systems = {name: System.read(name, entry) for name, entry in entries.items()}
    known = (*DATASETS, "systems", "tuning", *RUNTIME_KEYS)
    problems = [*_unknown_names("", parameters, known)]
    problems += [line for system in systems.values() for line in system.problems()]
    tuning = _as_block("tuning", parameters.get("tuning"))
    rest = {key: value for key, value in tuning.items() if key != "warm_start"}
    problems += _own_problems(TuningParams, "tuning", [rest])
    blocks: Tree = {}
    for dataset in DATASETS:
        block = Block.read(dataset, parameters.get(dataset), tuning, systems)
        last = _as_block(dataset, (runtime or {}).get(dataset))
        blocks[dataset], found = block.resolve(systems, find_tuned, last)
        problems += found
    if problems:
        raise UserError("\n  ".join(("Invalid parameters:", *dict.fromkeys(problems))))
    return parameters | {
        dataset: DatasetParams.model_validate(block).model_dump(mode="json")
        for dataset, block in blocks.items()
    }


@dataclass(frozen=True)
class Block:
    """What the configuration states about a data set."""

    dataset: str
    system: str
    shared: Tree
    """What it states about all of them."""
    own: Tree
    benchmark: Chosen
    warm_start: Chosen

    @classmethod
    def read(
        cls, dataset: str, entry: object, tuning: Tree, systems: dict[str, System]
    ) -> Self:
        """Take the names of systems out of a data set's block."""
        own = _as_block(dataset, entry)
        name = str(own.get("system") or DatasetParams().system)
        place = f"{dataset}.benchmark"
        benchmark = dict(_as_block(place, own.get("benchmark")))
        compared = benchmark.pop("systems", None) or list(systems)
        compared = Chosen.read(dataset, f"{place}.systems", compared)
        shared = dict(tuning)
        tried = shared.pop("warm_start", None)
        tuning = dict(_as_block(f"{dataset}.tuning", own.get("tuning")))
        place = (
            f"{dataset}.tuning.warm_start"
            if "warm_start" in tuning
            else "tuning.warm_start"
        )
        tried = Chosen.read(dataset, place, tuning.pop("warm_start", tried))
        own |= {"benchmark": benchmark, "tuning": tuning}
        return cls(dataset, name, {"tuning": shared}, own, compared, tried)

    def resolve(
        self,
        systems: dict[str, System],
        find_tuned: Callable[[str], Tree] | None,
        runtime: Tree,
    ) -> tuple[Tree, list[str]]:
        """Return the complete block, and a line for each of its problems."""
        problems: list[str] = []
        names = (self.system, *self.benchmark.changes, *self.warm_start.changes)
        if TUNED in names and find_tuned is not None:
            on = {"datasets": {self.dataset: find_tuned(self.dataset)}}
            tuned = System.read(TUNED, on)
            systems = systems | {TUNED: tuned}
            problems += tuned.problems()
        if self.system not in systems:
            known = ", ".join(systems) or "none"
            problems.append(
                f"{self.dataset}.system = {self.system}: unknown; known: {known}"
            )
        system = systems.get(self.system, System(self.system, {}, {}))
        own = self.own
        if self.system == TUNED:
            typed = {name: runtime.get(name) for name in SystemParams.model_fields}
            own = reduce(merge, (own, *system.layers(self.dataset), typed))
        layers = [self.shared, *system.layers(self.dataset), own]
        problems += _own_problems(DatasetParams, self.dataset, layers)
        problems += self.benchmark.problems(systems)
        problems += self.warm_start.problems(systems)
        chosen = {
            "benchmark": {"systems": self.benchmark.resolve(systems)},
            "tuning": {"warm_start": self.warm_start.resolve(systems)},
        }
        return merge(_stack(DatasetParams, layers), chosen), problems


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


def _as_block(place: str, value: object) -> Tree:
    """Return `value` if it is a mapping; nothing after the colon is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{place} = {value!r}: must be a block of names and values")
    return {str(key): entry for key, entry in value.items()}


def _own_problems(model: type[Params], place: str, layers: list[Tree]) -> Iterator[str]:
    """Yield what the last of `layers` makes wrong, not what those before it did."""
    inherited = _problems(model, layers[:-1])
    for path, problem in _problems(model, layers).items():
        if path not in inherited:
            yield f"{place}{path}{problem}"


def _problems(model: type[Params], layers: list[Tree]) -> dict[str, str]:
    """Return what is wrong with the stacked `layers`, by the path below the block."""
    try:
        model.model_validate(_stack(model, layers))
    except ValidationError as error:
        return {
            "".join(f".{name}" for name in details["loc"]): _describe(model, details)
            for details in error.errors()
        }
    return {}


def _describe(model: type[Params], details: ErrorDetails) -> str:
    """Return value, limit and remedy of a pydantic error in a user's words."""
    match details["type"]:
        case "extra_forbidden":
            *parents, name = map(str, details["loc"])
            known = reduce(_below, parents, model).model_fields
            return f": unknown parameter; {suggest(name, known)}"
        case "value_error":  # a validator over several fields names them itself
            return f": {details['ctx']['error']}"
        case "model_type":
            return f" = {details['input']!r}: must be a block of names and values"
        case "tuple_type":
            return f" = {details['input']!r}: must be a list, such as [1, 2]"
        case _:
            limit = details["msg"].replace("Input should be", "must be", 1)
            return f" = {details['input']!r}: {limit}"


def _below(kind: Any, name: str) -> Any:
    """Return the type of the block `name` of a block, or of an entry of a mapping."""
    if isinstance(kind, type) and issubclass(kind, Params):
        return kind.model_fields[name].annotation
    return get_args(kind)[1]


def _unknown_names(
    place: str, names: Iterable[str], known: tuple[str, ...]
) -> Iterator[str]:
    """Yield a line for each of `names` that is not known."""
    for name in names:
        if name not in known:
            path = f"{place}.{name}" if place else name
            yield f"{path}: unknown; {suggest(name, known)}"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a question with the known name closest to `name`, or all known ones."""
    if matches := get_close_matches(name, known, n=1):
        return f"did you mean {matches[0]}?"
    return f"known: {', '.join(known)}"
