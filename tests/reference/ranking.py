"""Ranks by the definition: every event of every session, every item, float64."""

import copy

from reference.model import hidden_states
from tronrec.data.packed import PackedSessions
from tronrec.models.recommender import Recommender
from tronrec.retrieval.ranking_terms import RankingTerms


def ranks(
    model: Recommender, terms: RankingTerms, sessions: PackedSessions
) -> list[int]:
    """Return the rank of every event from the second of its session on.

    The event is predicted from the last `window` clicks before it, or all if fewer. An
    item that scores the same as the target is ahead of it.
    """
    import torch

    model = copy.deepcopy(model).eval()
    window, found = model.params.window, []
    for start, end in zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True):
        for event in range(start + 1, end):
            first = max(start, event - window)
            clicks = torch.tensor(sessions.items[first:event].tolist())
            scores = (
                model.double().item_embeddings[1:] @ hidden_states(model, clicks)[-1]
            )
            if terms.trend is not None:
                scores = scores + terms.params.trend * terms.trend[1:]
            gains = terms.params.repeat_gains
            for item in set(clicks.tolist()) if gains else ():
                lag = clicks.tolist()[::-1].index(item)
                scores[item - 1] += gains[min(lag, len(gains) - 1)]
            target = int(sessions.items[event]) - 1
            ahead = [s for i, s in enumerate(scores.tolist()) if i != target]
            found.append(1 + sum(score >= scores[target].item() for score in ahead))
    return found
