"""A made-up test with uplifts that are known beforehand, to try the analysis on.

Visitors differ in how much they look around and how readily they click, and they come
back on several days, so that their events depend on each other as in a real shop. A
group's effect multiplies the probability of clicks, of carts and of orders. Lists hold
arbitrary items: nothing is trained, millions of lists take seconds.

Visitors are drawn in blocks, each from its own seed: memory does not depend on their
number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tronrec.data.clicks import scan_frames
from tronrec.experiment.assignment import Assignment
from tronrec.experiment.follow_up import FollowUp, follow_up, outcome_table
from tronrec.experiment.schemas import (
    EXPOSURE,
    EXPOSURES,
    GROUP,
    ITEM,
    ITEMS,
    MOMENT,
    OUTCOME,
    OUTCOMES,
    TIME,
    VISITOR,
)
from tronrec.params.experiment import ExperimentParams
from tronrec.params.simulated_test import KEENEST, STEPS, SimulatedTestParams

Ints = NDArray[np.int64]

BLOCK = 1 << 16
"""Visitors drawn from one seed."""
MOST_EXPOSURES = 1 << 20
"""More than a visitor sees: the lists of a block are numbered apart from others'."""

DAY = 86_400_000  # milliseconds
ATTENTION = 2
"""A uniform draw to this power prefers the first places of a list."""

NUMBERS = dict.fromkeys((EXPOSURE, OUTCOME, VISITOR, ITEM), pl.Int64())
SHOWN = pl.Schema(
    {name: NUMBERS.get(name, dtype) for name, dtype in EXPOSURES.items()}
    | {ITEMS: pl.List(pl.Int64())}
)
FOLLOWED = pl.Schema(
    {name: NUMBERS.get(name, dtype) for name, dtype in OUTCOMES.items()}
)
"""The two tables, with numbers for ids."""


@dataclass(frozen=True, eq=False)
class Draws:
    """The lists that a block of visitors sees, and what follows: a value for each."""

    groups: pl.Series  # [visitors]
    visitor: Ints  # place in the block
    time: Ints  # milliseconds since 1970
    followed: FollowUp


def draw_block(
    experiment: ExperimentParams, params: SimulatedTestParams, block: int
) -> Draws:
    """Return what the visitors from `block * BLOCK` on see and do."""
    rng = np.random.default_rng([params.seed, block])
    numbers = np.arange(block * BLOCK, min((block + 1) * BLOCK, params.visitors))
    assignment = Assignment(experiment.salt, experiment.weights)
    ids = pl.DataFrame({VISITOR: numbers})
    groups = ids.select(assignment.groups_of(pl.col(VISITOR))).to_series()
    visitor, time = _draw_exposures(rng, params, len(numbers))
    began = int(params.begin.timestamp() * 1000)
    control = assignment.groups.index(experiment.control)
    group = np.where(time < began, control, groups.to_physical().to_numpy()[visitor])
    keenness = 2 - KEENEST + 2 * (KEENEST - 1) * rng.random(len(numbers))
    shares = [params.shares(name) for name in assignment.groups]
    likely = {kind: np.array([own[kind] for own in shares])[group] for kind in STEPS}
    likely["click"] = likely["click"] * keenness[visitor]
    return Draws(groups, visitor, time, follow_up(rng, time, likely))


def _draw_exposures(
    rng: Generator, params: SimulatedTestParams, visitors: int
) -> tuple[Ints, Ints]:
    """Return visitor and time of each list: one at least in the test, some before."""
    interest = rng.exponential(1, visitors)
    began = int(params.begin.timestamp() * 1000)
    during = 1 + rng.poisson((params.exposures - 1) * interest)
    daily = params.exposures / params.days
    before = rng.poisson(daily * params.days_before * interest)
    periods = ((before, -params.days_before, 0), (during, 0, params.days))
    drawn = []
    for counts, first, last in periods:
        visitor = np.repeat(np.arange(visitors), counts)
        time = rng.integers(first * DAY, max(last * DAY, first * DAY + 1), len(visitor))
        drawn.append((visitor, began + time))
    visitor, time = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return visitor, time


def scan_exposures(
    experiment: ExperimentParams, params: SimulatedTestParams
) -> pl.LazyFrame:
    """Return the lists that were shown; before the test, none has a group."""

    def frames(_columns: list[str]) -> Iterator[pl.DataFrame]:
        for block, draws in _draw_blocks(experiment, params):
            yield _exposures(params, block, draws)

    return scan_frames(frames, SHOWN)


def scan_outcomes(
    experiment: ExperimentParams, params: SimulatedTestParams
) -> pl.LazyFrame:
    """Return what came of the lists."""

    def frames(_columns: list[str]) -> Iterator[pl.DataFrame]:
        for block, draws in _draw_blocks(experiment, params):
            yield _outcomes(params, block, draws)

    return scan_frames(frames, FOLLOWED)


def _draw_blocks(
    experiment: ExperimentParams, params: SimulatedTestParams
) -> Iterator[tuple[int, Draws]]:
    for block in range(-(-params.visitors // BLOCK)):
        yield block, draw_block(experiment, params, block)


def truth(experiment: ExperimentParams, params: SimulatedTestParams) -> dict[str, Any]:
    """Return the planned uplifts, group -> metric -> uplift, as figures want them."""
    uplifts: dict[str, dict[str, float]] = {}
    for group in experiment.weights:
        factors = {kind: 1 + own for kind, own in params.planned.get(group, {}).items()}
        for name, metric in experiment.measured.items():
            numerator = factors.get(metric.numerator, 1)
            uplift = numerator / factors.get(metric.denominator, 1) - 1
            uplifts.setdefault(group, {})[name] = round(uplift, 12)
    label = "planned" if params.effects else "planned, TRON XL's as in the paper"
    return {"label": label, "uplifts": uplifts}


def _exposures(params: SimulatedTestParams, block: int, draws: Draws) -> pl.DataFrame:
    began = int(params.begin.timestamp() * 1000)
    shown = _lists(params, block, len(draws.time))
    return pl.DataFrame(
        {
            EXPOSURE: _numbers(block, draws),
            VISITOR: block * BLOCK + draws.visitor,
            TIME: pl.Series(draws.time).cast(MOMENT),
            GROUP: draws.groups.gather(draws.visitor)
            .cast(pl.String)
            .set(pl.Series(draws.time < began), None),
            ITEMS: pl.Series(shown).arr.to_list(),
        }
    )


def _outcomes(params: SimulatedTestParams, block: int, draws: Draws) -> pl.DataFrame:
    shown = _lists(params, block, len(draws.time))
    rng = np.random.default_rng([params.seed, block, 1])
    looked = params.list_length * rng.random(len(shown)) ** ATTENTION
    item = shown[np.arange(len(shown)), looked.astype(np.int64)]
    visitor = block * BLOCK + draws.visitor
    return outcome_table(
        _numbers(block, draws), visitor, item, draws.followed, FOLLOWED
    )


def _lists(params: SimulatedTestParams, block: int, lists: int) -> Ints:
    """Return arbitrary lists; none has an item twice."""
    rng = np.random.default_rng([params.seed, block, 2])
    first = rng.integers(params.items, size=(lists, 1))
    shown: Ints = (first + np.arange(params.list_length)) % params.items
    return shown


def _numbers(block: int, draws: Draws) -> Ints:
    """Return a number for each list that no other list has."""
    numbers: Ints = block * BLOCK * MOST_EXPOSURES + np.arange(len(draws.time))
    return numbers
