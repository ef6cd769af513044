"""Ranks by the definition: every event of every session, every item, float64."""

import copy
import math
from collections.abc import Iterator

from reference.model import hidden_states
from reference.reranking import rerank
from tronrec.data.packed import PackedSessions
from tronrec.models.recommender import Recommender
from tronrec.retrieval.ranking_terms import RankingTerms

ROUNDING = 1e-6
"""By how much a score of some units may be off in float32."""


def scores_of_all(
    model: Recommender, terms: RankingTerms, clicks: list[int]
) -> list[float]:
    """Return the score of items 1..|I| after some clicks, the last `window` of them."""
    return _score_all(copy.deepcopy(model).double().eval(), terms, clicks)


def _score_all(
    model: Recommender, terms: RankingTerms, clicks: list[int]
) -> list[float]:
    import torch

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
    if not terms.reranker:
        return found
    return rerank(found, terms, clicks, model.item_embeddings.tolist())


def events(
    model: Recommender, terms: RankingTerms, sessions: PackedSessions
) -> Iterator[tuple[float, list[float]]]:
    """Yield the score of each target, and those of all other items.

    Events are those from the second of a session on. Each is predicted from the last
    `window` clicks before it, or all if fewer.
    """
    model = copy.deepcopy(model).double().eval()
    for start, end in zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True):
        for event in range(start + 1, end):
            clicks = sessions.items[start:event].tolist()
            scores = _score_all(model, terms, clicks)
            yield scores.pop(int(sessions.items[event]) - 1), scores


def ranks(
    model: Recommender, terms: RankingTerms, sessions: PackedSessions
) -> list[int]:
    """Return the rank of every target; an item that scores the same is ahead of it."""
    return [
        1 + sum(other >= target for other in others)
        for target, others in events(model, terms, sessions)
    ]


def are_clear(
    model: Recommender, terms: RankingTerms, sessions: PackedSessions
) -> bool:
    """Return whether no rank hangs on the rounding of float32."""
    return all(
        abs(other - target) > ROUNDING
        for target, others in events(model, terms, sessions)
        for other in others
    )
