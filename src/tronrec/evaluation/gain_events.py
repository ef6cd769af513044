"""What of held-out events decides their ranks under any gains.

A pass over the events keeps of each the scores of its target, of the items that may
gain, and of the best other items. From these alone, exact ranks under any gains are a
few comparisons.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from tronrec.batches import Batch
from tronrec.data.packed import PackedSessions
from tronrec.evaluation.ranking import predictions
from tronrec.models.recommender import Recommender
from tronrec.params import RankingParams
from tronrec.progress import Progress
from tronrec.retrieval.gains import Gains
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.repeats import find_repeats
from tronrec.retrieval.scorer import Scorer, SessionScores
from tronrec.retrieval.successors import Successors
from tronrec.schemas import PADDING

DEPTH = 20
"""Ranks past this one are not told apart."""


@dataclass(frozen=True)
class GainEvents:
    """What of some events decides their ranks under any gains.

    Items that may gain are the session's, by lag, and then other successors of the last
    click's item.
    """

    session: Int[np.ndarray, "events"]
    """Number of the session of each event."""
    target: Float[np.ndarray, "events"]
    """Score of the target, without a gain."""
    column: Int[np.ndarray, "events"]
    """Which of the items that may gain it is; -1: none."""
    gaining: Float[np.ndarray, "events some"]
    """Scores of these items, without gains; -inf where there is none."""
    log_clicks: Float[np.ndarray, "events clicks"]
    """Natural logarithm of their clicks in the session, of the session's items."""
    follows: Float[np.ndarray, "events some"]
    """What a weight of 1 has them gain for following the last click's item."""
    others: Float[np.ndarray, "events best"]
    """The best scores of other items, one more than ranks are told apart."""

    @classmethod
    @torch.no_grad()
    def collect(
        cls,
        model: Recommender,
        terms: RankingTerms,
        sessions: PackedSessions,
        progress: str | None,
    ) -> Self:
        """Score the events of some sessions.

        Args:
            model: A trained model.
            terms: Trend and successors; gains are left out.
            sessions: The sessions.
            progress: What the progress is called; None: none is shown.
        """
        plain = RankingTerms(terms.params.without_gains(), terms.trend)
        scorer, parts = Scorer(model.eval(), plain), []
        label, shown = progress or "", progress is not None
        with Progress(label, sessions.num_targets, "events", shown=shown) as bar:
            follow = terms.to(model.item_embeddings.device).successors
            for part in _parts(scorer, follow, sessions):
                parts.append(part)
                bar.update(len(part[0]))
        session = sessions.session_of_target
        return cls(session, *map(np.concatenate, zip(*parts, strict=True)))

    def rank(self, params: RankingParams) -> Int[np.ndarray, "events"]:
        """Return the ranks of all targets, `DEPTH + 1` at most."""
        by_lag = np.array(params.gains_by_lag, np.float32)
        window = self.log_clicks.shape[1]
        lags = np.minimum(np.arange(window), len(by_lag) - 1)
        gain = np.float32(params.successors) * self.follows
        gain[:, :window] += by_lag[lags]
        gain[:, :window] += np.float32(params.count_gain) * self.log_clicks
        some = self.column >= 0
        target = self.target.copy()
        target[some] += gain[some, self.column[some]]
        as_good = (self.gaining + gain >= target[:, None]).sum(1)
        as_good += (self.others >= target[:, None]).sum(1)
        ranks: Int[np.ndarray, events] = np.clip(as_good, 1, DEPTH + 1)
        return ranks  # the target itself is among those that are as good


def _parts(
    scorer: Scorer, successors: Successors | None, sessions: PackedSessions
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield all fields of events but the first, batch by batch."""
    window, device = scorer.model.params.window, scorer.model.item_embeddings.device
    batches = predictions(sessions, window=window, batch_size=1024, device=device)
    for batch, counted in batches:
        targets = batch.clicks[batch.targets][counted]
        scores = scorer.score(batch, counted)
        log_clicks, follows = _find_gaining(batch, counted, successors, window)
        gaining, others = _divide(scores, follows.items)
        same = follows.items == targets[:, None]
        fields = (
            scores.of(targets),
            torch.where(same.any(1), same.int().argmax(1), -1),
            gaining,
            log_clicks,
            follows.values,
            others,
        )
        yield tuple(field.cpu().numpy() for field in fields)


def _find_gaining(
    batch: Batch,
    counted: Bool[Tensor, "events"],
    successors: Successors | None,
    window: int,
) -> tuple[Float[Tensor, "events clicks"], Gains]:
    """Return the logarithm of clicks, and what items gain by following the last."""
    repeats = find_repeats(batch, counted, RankingParams(count_gain=1))
    short = 0, window - repeats.items.shape[1]
    items, log_clicks = pad(repeats.items, short), pad(repeats.values, short)
    gaining = Gains(items, torch.zeros_like(log_clicks))
    if successors is not None:
        last = batch.clicks[batch.inputs[counted]]
        gaining = gaining.join(successors.after(last, 1))
    return log_clicks, gaining


def _divide(
    scores: SessionScores, gaining: Int[Tensor, "events some"]
) -> tuple[Tensor, Tensor]:
    """Return the scores of the items that may gain, and the best of the others."""
    hidden, events = scores.hidden, len(gaining)
    taken = gaining != PADDING
    event, column = taken.nonzero(as_tuple=True)
    item = gaining[event, column]
    of_gaining = hidden.new_full(gaining.shape, -torch.inf)
    of_gaining[event, column] = scores.index.score(hidden, event, item)
    best_event, best_item, best_score = scores.index.search(
        hidden, DEPTH + 1 + int(taken.sum(1).max())
    ).sorted()
    gains = torch.isin((best_event << 32) + best_item, (event << 32) + item)
    best_event, best_score = best_event[~gains], best_score[~gains]
    first = torch.searchsorted(best_event, torch.arange(events).to(best_event))
    rank = torch.arange(len(best_event)).to(first) - first[best_event]
    kept = rank <= DEPTH
    others = hidden.new_full((events, DEPTH + 1), -torch.inf)
    others[best_event[kept], rank[kept]] = best_score[kept]
    return of_gaining, others
