"""Ranks by the definition: every event of every session, every item, float64."""

import copy
import math

from reference.model import hidden_states
from tronrec.data.packed import PackedSessions
from tronrec.models.recommender import Recommender
from tronrec.retrieval.ranking_terms import RankingTerms


def scores_of_all(
    model: Recommender, terms: RankingTerms, clicks: list[int]
) -> list[float]:
    """Return the score of items 1..|I| after some clicks, the last `window` of them."""
    import torch

    model = copy.deepcopy(model).double().eval()
    clicks = clicks[-model.params.window :]
    hidden = hidden_states(model, torch.tensor(clicks))[-1]
    scores = model.item_embeddings[1:] @ hidden
    if terms.trend is not None:
        scores = scores + terms.params.trend * terms.trend[1:]
    gains = terms.params.repeat_gains or (0.0,)
    for item in set(clicks):
        lag = clicks[::-1].index(item)
        scores[item - 1] += gains[min(lag, len(gains) - 1)]
        scores[item - 1] += terms.params.count_gain * math.log(clicks.count(item))
    if terms.successors is not None:
        follow = terms.successors.after(torch.tensor(clicks[-1:]), 1)
        pairs = zip(follow.items[0].tolist(), follow.values[0].tolist(), strict=True)
        for item, gain in pairs:
            if item:
                scores[item - 1] += terms.params.successors * gain
    found: list[float] = scores.tolist()
    return found


def ranks(
    model: Recommender, terms: RankingTerms, sessions: PackedSessions
) -> list[int]:
    """Return the rank of every event from the second of its session on.

    The event is predicted from the last `window` clicks before it, or all if fewer. An
    item that scores the same as the target is ahead of it.
    """
    found = []
    for start, end in zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True):
        for event in range(start + 1, end):
            clicks = sessions.items[start:event].tolist()
            scores = scores_of_all(model, terms, clicks)
            target = int(sessions.items[event]) - 1
            ahead = [s for i, s in enumerate(scores) if i != target]
            found.append(1 + sum(score >= scores[target] for score in ahead))
    return found
