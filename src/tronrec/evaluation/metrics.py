"""Recall, MRR and coverage: functions of ranks, and of nothing else."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int

from tronrec.evaluation.ranking import Ranking


def recall(ranks: Int[np.ndarray, "events"], k: int) -> float:
    """Return the share of events whose target is among the best k."""
    return float(np.mean(ranks <= k))


def mean_reciprocal_rank(ranks: Int[np.ndarray, "events"], k: int) -> float:
    """Return the mean of 1 / rank, counted as 0 past rank k."""
    return float(np.mean(np.where(ranks <= k, 1 / ranks, 0)))


def coverage(best_ranks: Int[np.ndarray, "items"], k: int) -> float:
    """Return the share of the catalogue that is among the best k of some event."""
    return float(np.mean(best_ranks <= k))


def measure(ranking: Ranking, cutoffs: Iterable[int]) -> dict[str, float]:
    """Return all metrics at all cutoffs, as `recall@20`, `mrr@20`, `coverage@20`."""
    return {
        f"{name}@{k}": metric
        for k in cutoffs
        for name, metric in (
            ("recall", recall(ranking.ranks, k)),
            ("mrr", mean_reciprocal_rank(ranking.ranks, k)),
            ("coverage", coverage(ranking.best_rank_by_item, k)),
        )
    }
