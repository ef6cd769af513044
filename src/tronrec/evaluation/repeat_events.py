"""What of held-out events decides their ranks under any gains of repeats.

A pass over the events keeps of each the scores of its target, of its session's items,
and of the best other items. From these alone, exact ranks under any gains are a few
comparisons.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch.nn.functional import pad

from tronrec.data.packed import PackedSessions
from tronrec.evaluation.ranking import predictions
from tronrec.models.recommender import Recommender
from tronrec.params import RankingParams
from tronrec.progress import Progress
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.repeats import find_repeats
from tronrec.retrieval.scorer import Scorer
from tronrec.schemas import PADDING

DEPTH = 20
"""Ranks past this one are not told apart."""


@dataclass(frozen=True)
class RepeatEvents:
    """What of some events decides their ranks under any gains."""

    session: Int[np.ndarray, "events"]
    """Number of the session of each event."""
    target: Float[np.ndarray, "events"]
    """Score of the target, without a gain."""
    lag: Int[np.ndarray, "events"]
    """Clicks since the session's last one on it, 0 for the newest; -1: none."""
    repeats: Float[np.ndarray, "events clicks"]
    """Scores of the session's items by lag, without gains; -inf where there is none."""
    log_clicks: Float[np.ndarray, "events clicks"]
    """Natural logarithm of their clicks in the session."""
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
            terms: The trend; gains are left out.
            sessions: The sessions.
            progress: What the progress is called; None: none is shown.
        """
        terms = RankingTerms(terms.params.without_gains(), terms.trend)
        total = len(sessions.items) - len(sessions)
        scorer, parts = Scorer(model.eval(), terms), []
        label, shown = progress or "", progress is not None
        with Progress(label, total, "events", shown=shown) as bar:
            for part in _parts(scorer, sessions):
                parts.append(part)
                bar.update(len(part[0]))
        counts = np.diff(sessions.offsets) - 1
        session = np.repeat(np.arange(len(counts)), counts)
        return cls(session, *map(np.concatenate, zip(*parts, strict=True)))

    def rank(self, params: RankingParams) -> Int[np.ndarray, "events"]:
        """Return the ranks of all targets, `DEPTH + 1` at most."""
        by_lag = np.array(params.gains_by_lag, np.float32)
        lags = np.minimum(np.arange(self.repeats.shape[1]), len(by_lag) - 1)
        gain = by_lag[lags] + np.float32(params.count_gain) * self.log_clicks
        again = self.lag >= 0
        target = self.target.copy()
        target[again] += gain[again, self.lag[again]]
        as_good = (self.repeats + gain >= target[:, None]).sum(1)
        as_good += (self.others >= target[:, None]).sum(1)
        ranks: Int[np.ndarray, events] = np.clip(as_good, 1, DEPTH + 1)
        return ranks  # the target itself is among those that are as good


def _parts(
    scorer: Scorer, sessions: PackedSessions
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield all fields of events but the first, batch by batch."""
    window, device = scorer.model.params.window, scorer.model.item_embeddings.device
    batches = predictions(sessions, window=window, batch_size=1024, device=device)
    for batch, counted in batches:
        targets = batch.clicks[batch.targets][counted]
        scores = scorer.score(batch, counted)
        found = find_repeats(batch, counted, RankingParams(count_gain=1))
        clicked, log_clicks = found.items, found.gains
        log_clicks = pad(log_clicks, (0, window - log_clicks.shape[1]))
        repeats, others = _divide(scorer, scores.hidden, clicked, window)
        yield (
            scores.of(targets).cpu().numpy(),
            _find_lag(clicked.cpu().numpy(), targets.cpu().numpy()),
            repeats,
            log_clicks.cpu().numpy(),
            others,
        )


def _find_lag(
    clicked: Int[np.ndarray, "events clicks"], targets: Int[np.ndarray, "events"]
) -> Int[np.ndarray, "events"]:
    """Return in which column the target is, or -1."""
    same: Bool[np.ndarray, "events clicks"] = clicked == targets[:, None]
    return np.where(same.any(1), same.argmax(1), -1)


def _divide(
    scorer: Scorer, hidden: torch.Tensor, clicked: torch.Tensor, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the session's items by lag, and the best of the others."""
    events, longest = clicked.shape
    event, column = (clicked != PADDING).nonzero(as_tuple=True)
    item = clicked[event, column]
    repeats = hidden.new_full((events, window), -torch.inf)
    repeats[event, column] = scorer.index.score(hidden, event, item)
    best_event, best_item, best_score = scorer.index.search(
        hidden, DEPTH + 1 + longest
    ).sorted()
    repeated = torch.isin((best_event << 32) + best_item, (event << 32) + item)
    best_event, best_score = best_event[~repeated], best_score[~repeated]
    first = torch.searchsorted(best_event, torch.arange(events).to(best_event))
    rank = torch.arange(len(best_event)).to(first) - first[best_event]
    kept = rank <= DEPTH
    others = hidden.new_full((events, DEPTH + 1), -torch.inf)
    others[best_event[kept], rank[kept]] = best_score[kept]
    return repeats.cpu().numpy(), others.cpu().numpy()
