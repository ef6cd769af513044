"""The two recommenders that any trained model must beat, ranked by the same rules."""

import numpy as np
from jaxtyping import Int

from tronrec.data.packed import PackedSessions
from tronrec.evaluation.ranking import Ranking


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
    own = counts[targets(sessions) - 1]
    ranks = np.searchsorted(-counts, -own, side="right")
    shown = np.arange(1, len(counts) + 1)
    past = depth + 1
    return Ranking(np.minimum(ranks, past), np.minimum(shown, past))


def last_item(num_items: int, sessions: PackedSessions, depth: int) -> Ranking:
    """Recommend the item just clicked, and nothing else."""
    is_input = np.ones(len(sessions.items), dtype=bool)
    is_input[sessions.offsets[1:] - 1] = False
    inputs = np.asarray(sessions.items)[is_input]
    shown = np.full(num_items, depth + 1)
    shown[inputs - 1] = 1
    return Ranking(np.where(inputs == targets(sessions), 1, depth + 1), shown)
