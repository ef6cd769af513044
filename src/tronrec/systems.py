"""Completes the parameter block of every data set, or says all that is wrong with it.

A system of Table 2 is data: `systems` in the configuration states how each differs
from the defaults in `tronrec.params`, everywhere and on single data sets. A block has
layers: defaults, its system, its system on that data set, its own values; the later one
wins. This module works on plain dicts and does not know Kedro.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Any, Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tronrec.errors import UserError
from tronrec.params import DatasetParams, Params, SystemParams

DATASETS = ("diginetica", "yoochoose", "otto")
"""The data sets; each has a parameter block, catalog entries and pipelines."""

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


def resolve_parameters(parameters: Tree) -> Tree:
    """Return `parameters` with the block of every data set complete and checked.

    Raises:
        UserError: Something is unknown or out of range; each problem has its line.
    """
    entries = _as_block("systems", parameters.get("systems"))
    systems = {name: System.read(name, entry) for name, entry in entries.items()}
    problems = [*_unknown_names("", parameters, (*DATASETS, "systems", *RUNTIME_KEYS))]
    problems += [line for system in systems.values() for line in system.problems()]
    blocks: Tree = {}
    for dataset in DATASETS:
        block = _as_block(dataset, parameters.get(dataset))
        name = str(block.get("system") or DatasetParams().system)
        if name not in systems:
            known = ", ".join(systems) or "none"
            problems.append(f"{dataset}.system = {name}: unknown; known: {known}")
        system = systems.get(name, System(name, {}, {}))
        layers = [*system.layers(dataset), block]
        problems += _own_problems(DatasetParams, dataset, layers)
        blocks[dataset] = _stack(DatasetParams, layers)
    if problems:
        raise UserError("\n  ".join(("Invalid parameters:", *problems)))
    return parameters | {
        dataset: DatasetParams.model_validate(block).model_dump(mode="json")
        for dataset, block in blocks.items()
    }


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
            *parents, name = details["loc"]
            block: Params = model()
            for parent in parents:
                block = getattr(block, str(parent), block)
            known = type(block).model_fields
            return f": unknown parameter; {suggest(str(name), known)}"
        case "value_error":  # a validator over several fields names them itself
            return f": {details['ctx']['error']}"
        case "model_type":
            return f" = {details['input']!r}: must be a block of names and values"
        case _:
            limit = details["msg"].replace("Input should be", "must be", 1)
            return f" = {details['input']!r}: {limit}"


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
