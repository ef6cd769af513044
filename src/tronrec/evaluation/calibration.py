"""Ranking terms that fit themselves: chosen on validation sessions, without training.

How much it counts that an item is clicked more of late, or was clicked in the session
before, differs from shop to shop, and training cannot tell: a model is surer of what
follows in sessions that it has learned. Held-out sessions can, in seconds:

1. For each trend there is a pass over the events, which keeps of each the scores of its
   target, of its session's items, and of the best other items.
2. From these alone, exact ranks under any gains of repeats are a few comparisons.
3. The terms found replace the plain ranking, or those that were configured, only where
   they are better by more than the chance of the sessions explains.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from tronrec.data.packed import PackedSessions
from tronrec.evaluation.metrics import mean_reciprocal_rank, recall
from tronrec.evaluation.ranking import predictions
from tronrec.evaluation.significance import session_scores
from tronrec.models.recommender import Recommender
from tronrec.params import RankingParams
from tronrec.progress import Progress
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.repeats import find_repeats
from tronrec.retrieval.scorer import Scorer
from tronrec.schemas import PADDING

DEPTH = 20
"""Ranks past this one are not told apart."""
EVENTS = 30_000
"""Events that are looked at, of the newest sessions: enough to tell .3 % apart."""
TRENDS = 0.25, 0.5, 0.75, 1.0
MEMORIES = 0.02, 0.15
"""Tried for the best trend, beside the memory that is configured."""
STEPS = 2.0, 1.0, 0.5, 0.25
"""By which gains are raised and lowered, one after the other."""
MARGIN = 2.0
"""Standard errors by which terms must be better."""


@dataclass(frozen=True)
class Events:
    """What of some events decides their ranks under any gains."""

    session: Int[np.ndarray, "events"]
    """Number of the session of each event."""
    target: Float[np.ndarray, "events"]
    """Score of the target, without a gain."""
    lag: Int[np.ndarray, "events"]
    """Clicks since the session's last one on it, 0 for the newest; -1: none."""
    repeats: Float[np.ndarray, "events clicks"]
    """Scores of the session's items by lag, without gains; -inf where there is none."""
    others: Float[np.ndarray, "events best"]
    """The best scores of other items, one more than ranks are told apart."""

    def rank(self, gains: Sequence[float]) -> Int[np.ndarray, "events"]:
        """Return the ranks of all targets, `DEPTH + 1` at most."""
        last = len(gains) - 1
        by_lag = np.array(
            [gains[min(lag, last)] for lag in range(self.repeats.shape[1])]
        )
        gain = np.where(self.lag < 0, 0, by_lag[self.lag]).astype(np.float32)
        target = (self.target + gain)[:, None]
        repeats = self.repeats + by_lag.astype(np.float32)
        as_good = (repeats >= target).sum(1) + (self.others >= target).sum(1)
        ranks: Int[np.ndarray, events] = np.clip(as_good, 1, DEPTH + 1)
        return ranks  # the target itself is among those that are as good


@dataclass(frozen=True)
class Trial:
    """Ranking terms, and how well they rank."""

    params: RankingParams
    events: Events
    ranks: Int[np.ndarray, "events"]

    @property
    def metrics(self) -> dict[str, float]:
        """Recall@20 and MRR@20."""
        return {
            f"recall@{DEPTH}": recall(self.ranks, DEPTH),
            f"mrr@{DEPTH}": mean_reciprocal_rank(self.ranks, DEPTH),
        }


@dataclass(frozen=True)
class Calibration:
    """The terms that were chosen, and from what."""

    params: RankingParams
    trials: dict[str, Trial]
    """What they were chosen from: plain, configured, fitted."""
    chosen: str
    events: int

    def record(self) -> dict[str, Any]:
        """Return everything as numbers and names."""
        return {
            "ranking": self.params.model_dump(mode="json"),
            "chosen": self.chosen,
            "events": self.events,
            "trials": {
                name: trial.params.model_dump(mode="json") | trial.metrics
                for name, trial in self.trials.items()
            },
        }


def calibrate(
    model: Recommender,
    params: RankingParams,
    clicks: Int[np.ndarray, "clicks"],
    sessions: PackedSessions,
) -> Calibration:
    """Return the ranking terms that rank held-out sessions best.

    Args:
        model: A trained model, on the device to be used.
        params: The terms as they are configured.
        clicks: Items of the clicks that the model was trained on, by which the trend
            is counted.
        sessions: Sessions that it was not trained on, at least one.
    """
    sessions = _newest(sessions)
    passes = _Passes(model, clicks, sessions)
    none = RankingParams(trend=0, trend_memory=params.trend_memory)
    plain = passes.try_terms(none)
    trials = {"plain": plain, "configured": passes.try_terms(params)}
    trends = [none.model_copy(update={"trend": trend}) for trend in TRENDS]
    best = max([plain, *map(passes.try_terms, trends)], key=_merit(plain))
    if best.params.trend:
        memories = [
            best.params.model_copy(update={"trend_memory": memory})
            for memory in MEMORIES
        ]
        best = max([best, *map(passes.try_terms, memories)], key=_merit(plain))
    trials["fitted"] = _fit_gains(best, _merit(plain))
    chosen = "plain"
    for name in ("configured", "fitted"):
        if _is_surely_better(trials[name], trials[chosen]):
            chosen = name
    return Calibration(trials[chosen].params, trials, chosen, len(plain.ranks))


class _Passes:
    """Passes over the events, each with another trend."""

    def __init__(
        self,
        model: Recommender,
        clicks: Int[np.ndarray, "clicks"],
        sessions: PackedSessions,
    ) -> None:
        self.model, self.clicks, self.sessions = model.eval(), clicks, sessions
        self.known: dict[tuple[float, float], Events] = {}

    def try_terms(self, params: RankingParams) -> Trial:
        """Rank the events; those of a trend that was tried are looked up."""
        key = params.trend, params.trend_memory
        if key not in self.known:
            self.known[key] = self._collect(
                params.model_copy(update={"repeat_gains": ()})
            )
        events = self.known[key]
        return Trial(params, events, events.rank(params.repeat_gains or (0.0,)))

    @torch.no_grad()
    def _collect(self, params: RankingParams) -> Events:
        """Return the scores that decide, by a pass over the events."""
        terms = RankingTerms.count(params, self.model.num_items, self.clicks)
        parts = list(self._parts(Scorer(self.model, terms)))
        counts = np.diff(self.sessions.offsets) - 1
        session = np.repeat(np.arange(len(counts)), counts)
        target, lag, repeats, others = map(np.concatenate, zip(*parts, strict=True))
        return Events(session, target, lag, repeats, others)

    def _parts(self, scorer: Scorer) -> Iterator[tuple[np.ndarray, ...]]:
        window = self.model.params.window
        total = len(self.sessions.items) - len(self.sessions)
        batches = predictions(
            self.sessions,
            window=window,
            batch_size=1024,
            device=self.model.item_embeddings.device,
        )
        with Progress("calibration", total, "events") as progress:
            for batch, counted in batches:
                targets = batch.clicks[batch.targets][counted]
                scores = scorer.score(batch, counted)
                clicked = find_repeats(batch, counted, [0.0]).items
                yield (
                    scores.of(targets).cpu().numpy(),
                    _find_lag(clicked.cpu().numpy(), targets.cpu().numpy()),
                    *_divide(scorer, scores.hidden, clicked, window),
                )
                progress.update(len(targets))


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


def _newest(sessions: PackedSessions) -> PackedSessions:
    """Return the newest sessions, of about `EVENTS` events."""
    events = np.diff(sessions.offsets)[::-1] - 1
    count = min(len(sessions), int(np.searchsorted(events.cumsum(), EVENTS)) + 1)
    offsets = np.asarray(sessions.offsets[-count - 1 :])
    return PackedSessions(
        np.asarray(sessions.items)[offsets[0] :], offsets - offsets[0]
    )


def _merit(plain: Trial) -> Callable[[Trial], float]:
    """Return what is maximised: both metrics count the same, relative to `plain`'s."""

    def merit(trial: Trial) -> float:
        return sum(
            value / max(plain.metrics[name], 1e-12)
            for name, value in trial.metrics.items()
        )

    return merit


def _fit_gains(start: Trial, merit: Callable[[Trial], float]) -> Trial:
    """Return the terms with the gains that rank best, found one after the other.

    They are of the last click, of the one before it, and of all before.
    """
    best, gains = start, [0.0, 0.0, 0.0]
    for step in STEPS:
        moved = True
        while moved:
            moved = False
            for index in range(len(gains)):
                for change in (step, -step):
                    tried = gains.copy()
                    tried[index] += change
                    params = best.params.model_copy(
                        update={"repeat_gains": tuple(tried)}
                    )
                    trial = Trial(params, best.events, best.events.rank(tried))
                    if merit(trial) > merit(best):
                        best, gains, moved = trial, tried, True
                        break
    return best


def _is_surely_better(trial: Trial, other: Trial) -> bool:
    """Return whether the sessions say so by more than their chance explains."""
    session = trial.events.session
    difference = np.zeros(session.max() + 1)
    for metric in range(2):
        ours, theirs = (
            session_scores(ranks, session, DEPTH)[:, metric]
            for ranks in (trial.ranks, other.ranks)
        )
        difference += (ours - theirs) / max(theirs.sum(), 1e-12)
    error = difference.std() * np.sqrt(len(difference))
    return bool(difference.sum() > MARGIN * error)
