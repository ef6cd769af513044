"""The search space: from parameters to Optuna's distributions, and back from a system.

Optuna sees a parameter under its name, `sampling.top_k`. A range that may be off has a
switch beside it, `sampling.top_k.on`, so that "off" is no point on the scale.
"""

from collections.abc import Iterator
from typing import Any, get_args

from optuna import Trial
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tronrec.params import Dimension, SystemParams, TuningParams

DEFAULTS = SystemParams()


def draw(params: TuningParams, trial: Trial) -> dict[str, Any]:
    """Return the parameters of a trial, by `block.name`, as the sampler draws them."""
    drawn: dict[str, Any] = {}
    for name, dimension in params.dimensions().items():
        if not _applies(dimension, drawn):
            drawn[name] = read(DEFAULTS, name)
            continue
        for key, distribution in distributions(name, dimension):
            drawn[name] = suggest(trial, key, distribution)
            if drawn[name] is False and key != name:
                drawn[name] = None
                break
    return drawn


def locate(params: TuningParams, system: SystemParams) -> dict[str, Any]:
    """Return what Optuna would have drawn for a system, as far as the space has it."""
    dimensions = params.dimensions()
    values = {name: read(system, name) for name in dimensions}
    located: dict[str, Any] = {}
    for name, dimension in dimensions.items():
        if not _applies(dimension, values):
            continue
        for key, distribution in distributions(name, dimension):
            value = values[name] if key == name else values[name] is not None
            if contains(distribution, value):
                located[key] = value
    return located


def apply(system: SystemParams, values: dict[str, Any]) -> SystemParams:
    """Return the system with some values, by `block.name`, replaced.

    Raises:
        ValidationError: They do not go together.
    """
    tree = system.model_dump()
    for parameter, value in values.items():
        block, _, name = parameter.partition(".")
        tree[block][name] = value
    return SystemParams.model_validate(tree)


def read(system: SystemParams, parameter: str) -> Any:
    """Return the value of `block.name`."""
    block, _, name = parameter.partition(".")
    return getattr(getattr(system, block), name)


def distributions(
    name: str, dimension: Dimension
) -> Iterator[tuple[str, BaseDistribution]]:
    """Yield the names and distributions that Optuna knows for a parameter."""
    if dimension.choices:
        choices = [*dimension.choices, None] if dimension.or_null else dimension.choices
        yield name, CategoricalDistribution(choices)
        return
    if dimension.or_null:
        yield f"{name}.on", CategoricalDistribution([True, False])
    low, high = dimension.low, dimension.high
    assert low is not None
    assert high is not None
    if _is_whole(name):
        yield name, IntDistribution(int(low), int(high), log=dimension.log)
    else:
        yield name, FloatDistribution(low, high, log=dimension.log)


def suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    """Return what the trial takes from a distribution."""
    match distribution:
        case CategoricalDistribution():
            return trial.suggest_categorical(name, distribution.choices)
        case IntDistribution(low=low, high=high, log=log):
            return trial.suggest_int(name, low, high, log=log)
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
    raise AssertionError(distribution)


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Return whether a value is one that the distribution can draw."""
    match distribution:
        case CategoricalDistribution():
            return value in distribution.choices
        case IntDistribution() | FloatDistribution():
            return value is not None and distribution.low <= value <= distribution.high
    raise AssertionError(distribution)


def _applies(dimension: Dimension, values: dict[str, Any]) -> bool:
    return all(values[other] in allowed for other, allowed in dimension.when.items())


def _is_whole(parameter: str) -> bool:
    block, _, name = parameter.partition(".")
    annotation = type(getattr(DEFAULTS, block)).model_fields[name].annotation
    return int in (get_args(annotation) or (annotation,))
