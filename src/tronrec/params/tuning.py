"""Parameters of the search for better settings, and the space that is searched."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from tronrec.params.strict import Params
from tronrec.params.system import SystemParams

AS_CONFIGURED = "as_configured"
"""The system of a data set's block with what the block changes in it. Every benchmark
and every study has it: what they recommend is compared with what one had."""

Scalar = bool | int | float | str | None
"""A value of a parameter."""


class Dimension(Params):
    """The values that trials may give to a parameter: a range, or choices."""

    low: int | float | None = None
    """The smallest value of a range."""
    high: int | float | None = None
    """The largest value of a range."""
    log: bool = False
    """Whether to search the range on a logarithmic scale."""
    or_null: bool = False
    """Whether null is tried as well, in a range as off."""
    choices: tuple[Scalar, ...] = ()
    """The values, where there is no range."""
    when: dict[str, tuple[Scalar, ...]] = Field({})
    """Searched where these choices were drawn, by `block.name`; else the default."""

    @model_validator(mode="after")
    def _range_or_choices(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("has choices and a range; set low and high to null")
        elif self.low is None or self.high is None:
            raise ValueError("needs low and high, or choices")
        elif self.low >= self.high:
            raise ValueError(f"low ({self.low}) is not below high ({self.high})")
        elif self.log and self.low <= 0:
            raise ValueError(f"log needs low ({self.low}) above 0")
        return self

    @property
    def edges(self) -> tuple[Scalar, ...]:
        """The values that stand for all: if they are valid, the others are."""
        values = self.choices or (self.low, self.high)
        return (*values, None) if self.or_null else values


Space = dict[str, dict[str, Dimension]]
"""Block -> parameter -> what is tried."""


class TuningParams(Params):
    """The search for better settings; it sees training and validation only."""

    space: Space = Field({})
    """What is searched, by block and parameter."""
    warm_start: dict[str, SystemParams] = Field({})
    """Names under `systems` that are tried first, just as they are."""
    trials: int | None = Field(50, ge=1)
    """Trials of the study that are to be finished, by all runs; null: no limit."""
    minutes: float | None = Field(None, gt=0)
    """A run starts no trial after so long; null: no limit."""
    epochs: int | None = Field(None, ge=1)
    """Epochs of a trial; null: as many as `training.epochs`."""
    sessions: int | None = Field(None, ge=2)
    """A trial learns from the newest training sessions only; null: from all."""
    metric: Literal["recall@20", "mrr@20"] = "mrr@20"
    """What decides, on the validation sessions, at the epoch that a trial chooses by
    `training.choose_by`."""
    objectives: Literal["accuracy", "accuracy_and_time"] = "accuracy"
    """Whether training time counts as well; then no trial is pruned."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """What ends a trial after an epoch that is worse than those of others."""
    storage: Literal["sqlite", "journal"] = "sqlite"
    """The kind of file that holds the study; a database is named in the catalog."""
    study: str = "tuning"
    """Name of the study: a new one starts afresh."""
    choose: int | None = Field(None, ge=0)
    """Number of the trial that `tuned` becomes; null: the most accurate one."""
    seed: int = Field(0, ge=0)
    """Seed of what is tried; `training.seed` is that of each trial."""

    @model_validator(mode="after")
    def _search_can_end(self) -> Self:
        if self.trials is None and self.minutes is None:
            raise ValueError("trials and minutes are null; set one of them")
        return self

    @model_validator(mode="after")
    def _space_fits_the_parameters(self) -> Self:
        for parameter, problem in _space_problems(self.space):
            raise ValueError(f"space.{parameter}: {problem}")
        return self

    def dimensions(self) -> dict[str, Dimension]:
        """Return the space by `block.name`; those with a condition come last."""
        return _flatten(self.space)


def _flatten(space: Space) -> dict[str, Dimension]:
    """Return the entries by `block.name`; those with a condition come last."""
    named = {
        f"{b}.{name}": entry
        for b, block in space.items()
        for name, entry in block.items()
    }
    return dict(sorted(named.items(), key=lambda item: bool(item[1].when)))


def _space_problems(space: Space) -> Iterator[tuple[str, str]]:
    """Yield the parameter and the problem of each entry that does not fit."""
    flat = _flatten(space)
    for parameter, dimension in flat.items():
        block, _, name = parameter.partition(".")
        model = SystemParams.model_fields.get(block)
        if model is None or name not in type(model.default).model_fields:
            yield parameter, "there is no such parameter of a system"
            continue
        for value in dimension.edges:
            try:
                type(model.default).model_validate({name: value})
            except ValidationError as error:
                for details in error.errors():
                    if details["loc"]:
                        yield parameter, f"{value!r}: {details['msg']}"
        for other, values in dimension.when.items():
            if other not in flat or flat[other].when:
                yield parameter, f"when: {other} is not searched without a condition"
            elif not set(values) <= set(flat[other].choices):
                yield (
                    parameter,
                    f"when: {list(values)} are not among the choices of {other}",
                )
