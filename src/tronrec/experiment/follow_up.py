"""What simulated visitors do after they saw a list: click, put into the cart, order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tronrec.experiment.schemas import (
    ITEM,
    KIND,
    MOMENT,
    OUTCOME,
    QUANTITY,
    TIME,
    VISITOR,
)
from tronrec.params.simulated_test import STEPS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DELAYS = {"click": 15_000, "cart": 60_000, "order": 600_000}
"""Mean milliseconds from one step to the next."""
MORE_PIECES = 0.3
"""Pieces of an ordered item beyond the first, in the mean."""


@dataclass(frozen=True, eq=False)
class FollowUp:
    """The events that follow lists; a value for each list."""

    times: Mapping[str, Ints]
    """Kind of outcome -> milliseconds since 1970; -1: it did not happen."""
    pieces: Ints


def follow_up(
    rng: Generator, time: Ints, probabilities: Mapping[str, Floats]
) -> FollowUp:
    """Return what follows lists.

    Args:
        rng: Decides what happens.
        time: When each list was shown.
        probabilities: Step -> probability that it follows the one before it, for each
            list.
    """
    happened, last, times = np.ones(len(time), bool), time, {}
    for kind in STEPS:
        happened = happened & (rng.random(len(time)) < probabilities[kind])
        last = last + rng.exponential(DELAYS[kind], len(time)).astype(np.int64)
        times[kind] = np.where(happened, last, -1)
    return FollowUp(times, 1 + rng.poisson(MORE_PIECES, len(time)))


def outcome_table(
    numbers: Ints,
    visitor: NDArray[Any],
    item: NDArray[Any],
    followed: FollowUp,
    schema: pl.Schema,
) -> pl.DataFrame:
    """Return a row for each outcome.

    Args:
        numbers: A number for each list that no other list has.
        visitor: Who saw it.
        item: The item of the list that the visitor likes.
        followed: What happened.
        schema: Types of the columns.
    """
    parts = []
    for step, (kind, time) in enumerate(followed.times.items()):
        happened = time >= 0
        ones = np.ones(int(happened.sum()))
        parts.append(
            pl.DataFrame(
                {
                    OUTCOME: numbers[happened] * len(STEPS) + step,
                    VISITOR: visitor[happened],
                    TIME: pl.Series(time[happened], dtype=pl.Int64).cast(MOMENT),
                    KIND: [kind] * len(ones),
                    ITEM: item[happened],
                    QUANTITY: followed.pieces[happened] if kind == "order" else ones,
                },
                schema=schema,
                strict=False,
            )
        )
    return pl.concat(parts)
