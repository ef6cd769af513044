"""From what each visitor did on each day to the moments of each group by each day.

At the end of a day a visitor counts with everything done so far, from the first list
on. Those who have not come yet do not count.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from tronrec.experiment.moments import Moments


@dataclass(frozen=True, eq=False)
class VisitorDays:
    """What visitors did: a row for each visitor and day with a list or an outcome."""

    visitor: Int[np.ndarray, "rows"]
    day: Int[np.ndarray, "rows"]
    """Days since the test began, ascending."""
    done: Float[np.ndarray, "rows kinds"]
    """Impressions and outcomes of each kind."""
    group: Int[np.ndarray, "visitors"]
    """Number of each visitor's group."""
    before: Float[np.ndarray, "visitors covariates"]
    """What each visitor did before the test; without columns, nothing is known."""


def moments_by_day(rows: VisitorDays, groups: int) -> list[list[Moments | None]]:
    """Return the moments of each group at the end of each day.

    The totals are: 1, so that a ratio can be one by visitors; all columns of `done`,
    added up; all columns of `before`. A group of fewer than two visitors has none.
    Memory: one number for each visitor and total.
    """
    order = np.argsort(rows.group, kind="stable")
    row_of = np.empty(len(order), np.int64)
    row_of[order] = np.arange(len(order))
    borders = np.searchsorted(rows.group[order], np.arange(groups + 1))
    kinds = 1 + rows.done.shape[1]
    totals = np.zeros((len(order), kinds + rows.before.shape[1]))
    days = int(rows.day[-1]) + 1 if len(rows.day) else 0
    ends = np.searchsorted(rows.day, np.arange(days), "right")
    found = []
    for begin, end in zip([0, *ends[:-1]], ends, strict=False):
        visitor = rows.visitor[begin:end]
        totals[row_of[visitor], 0] = 1
        totals[row_of[visitor], 1:kinds] += rows.done[begin:end]
        totals[row_of[visitor], kinds:] = rows.before[visitor]
        found.append([_moments(totals[a:b]) for a, b in pairwise(borders)])
    return found


def _moments(totals: Float[np.ndarray, "visitors totals"]) -> Moments | None:
    """Return the moments of visitors who have come; the rows of others are 0."""
    visitors = int(totals[:, 0].sum())
    if visitors <= 1:
        return None
    return Moments.from_sums(visitors, totals.sum(0), totals.T @ totals)
