"""Exact ranks where most scores are 0: recommenders that know a few items of many.

The rules are those of `tronrec.evaluation.ranking`: every event against every item, and
a tie counts against the target. A target without a score ties with most of the
catalogue, so it ranks past any depth.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from tronrec.evaluation.ranking import Ranking

DECIMALS = 12
"""To which scores are told apart."""


def rank_rows(scores: csr_array, depth: int) -> csr_array:
    """Return, for each positive score of a row, its rank in the row; ties are worst.

    Ranks past `depth` are `depth + 1`. Sums of the same terms in another order are the
    same score. Cost: a sort of the scores.
    """
    rounded = scores.data.round(DECIMALS)
    row = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    order = np.lexsort((-rounded, row))
    value = rounded[order]
    last = np.ones(len(value), dtype=bool)  # the last of equal scores of a row
    last[:-1] = (value[1:] != value[:-1]) | (np.diff(row) != 0)
    ends = np.flatnonzero(last)
    worst = ends[np.searchsorted(ends, np.arange(len(value)))] - scores.indptr[row]
    ranks = np.empty(len(value), dtype=np.int64)
    ranks[order] = np.minimum(worst, depth) + 1
    return csr_array((ranks, scores.indices, scores.indptr), scores.shape)


def collect_ranks(
    parts: Iterable[csr_array], targets: Int[np.ndarray, "events"], depth: int
) -> Ranking:
    """Return the ranks of all targets.

    Args:
        parts: Ranks of items for consecutive events: a row for each event, a column for
            each item number, of which 0 is empty.
        targets: The item of each event.
        depth: Ranks past this one are not told apart.
    """
    of_targets = np.full(len(targets), depth + 1)
    best_ranks, done = np.zeros(0, np.int64), 0
    for ranks in parts:
        if not len(best_ranks):
            best_ranks = np.full(ranks.shape[1], depth + 1)
        np.minimum.at(best_ranks, ranks.indices, ranks.data)
        events, _ = ranks.shape
        row = np.repeat(np.arange(events), np.diff(ranks.indptr))
        is_target = ranks.indices == targets[done : done + events][row]
        of_targets[done + row[is_target]] = ranks.data[is_target]
        done += events
    return Ranking(of_targets, best_ranks[1:])
