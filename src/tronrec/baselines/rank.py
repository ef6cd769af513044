"""The recommenders that any trained model must beat, ranked by the same rules."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from tronrec.baselines import neighbours
from tronrec.baselines.sparse import collect_ranks
from tronrec.data.packed import PackedSessions
from tronrec.evaluation.ranking import Ranking
from tronrec.params import Baseline
from tronrec.progress import Progress


def targets(sessions: PackedSessions) -> Int[np.ndarray, "events"]:
    """Return the item of every event from the second of its session on."""
    is_target = np.ones(len(sessions.items), dtype=bool)
    is_target[sessions.offsets[:-1]] = False
    return np.asarray(sessions.items)[is_target]


def most_popular(
    counts: Int[np.ndarray, "items"], sessions: PackedSessions, depth: int
) -> Ranking:
    """Rank items by their clicks in the training period.

    Args:
        counts: Clicks of item 1, 2, ..., in descending order.
        sessions: What to predict.
        depth: Ranks past this one are not told apart.
    """
    of_targets = counts[targets(sessions) - 1]
    ranks = np.searchsorted(-counts, -of_targets, side="right")
    best_ranks = np.arange(1, len(counts) + 1)
    past = depth + 1
    return Ranking(np.minimum(ranks, past), np.minimum(best_ranks, past))


def last_item(num_items: int, sessions: PackedSessions, depth: int) -> Ranking:
    """Recommend the item just clicked, and nothing else."""
    is_input = np.ones(len(sessions.items), dtype=bool)
    is_input[sessions.offsets[1:] - 1] = False
    inputs = np.asarray(sessions.items)[is_input]
    best_ranks = np.full(num_items, depth + 1)
    best_ranks[inputs - 1] = 1
    return Ranking(np.where(inputs == targets(sessions), 1, depth + 1), best_ranks)


def rank_baselines(
    names: Iterable[Baseline],
    counts: Int[np.ndarray, "items"],
    learned: PackedSessions,
    sessions: PackedSessions,
    depth: int,
) -> dict[str, Ranking]:
    """Return the ranking of each baseline.

    Args:
        names: The baselines.
        counts: Clicks of item 1, 2, ..., in descending order.
        learned: The sessions that models train on.
        sessions: What to predict.
        depth: Ranks past this one are not told apart.
    """
    num_items, wanted = len(counts), targets(sessions)

    def rank(name: Baseline, progress: Progress) -> Ranking:
        match name:
            case "most_popular":
                return most_popular(counts, sessions, depth)
            case "last_item":
                return last_item(num_items, sessions, depth)
            case "session_popular":
                popularity = np.concatenate(([0], counts))
                parts = neighbours.rank_session_items(popularity, sessions, depth)
            case "sequential_rules":
                rules = neighbours.sequential_rules(learned, num_items)
                parts = neighbours.rank_after_last(rules, sessions, depth)
            case "item_knn":
                close = neighbours.item_neighbours(learned, num_items)
                parts = neighbours.rank_after_last(close, sessions, depth)
            case "session_knn":
                parts = neighbours.rank_by_neighbours(
                    learned, num_items, sessions, depth
                )
        return collect_ranks(_noted(parts, progress), wanted, depth)

    rankings: dict[str, Ranking] = {}
    for name in names:
        with Progress(name, len(wanted), "events") as progress:
            rankings[name] = rank(name, progress)
    return rankings


def _noted(parts: Iterable[csr_array], progress: Progress) -> Iterator[csr_array]:
    """Yield the ranks of some events after the others, and note how many are done."""
    for ranks in parts:
        yield ranks
        progress.update(ranks.shape[0])
