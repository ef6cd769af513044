"""Ranking terms that fit themselves: chosen on validation sessions, without training.

How much it counts that an item is clicked more of late, was clicked in the session
before, or often followed its last click, differs from shop to shop, and training cannot
tell: a model is surer of what follows in sessions that it has learned. Held-out
sessions can, in seconds:

1. For each trend there is a pass over the events, which keeps of each the scores of its
   target, of the items that may gain, and of the best other items.
2. From these alone, exact ranks under any gains are a few comparisons.
3. The terms found replace the plain ranking, or those that were configured, only where
   they are better by more than the chance of the sessions explains.
4. A network that orders the best items anew takes their place under the same condition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from jaxtyping import Int

from tronrec.data.packed import PackedSessions
from tronrec.evaluation.gain_events import DEPTH, GainEvents
from tronrec.evaluation.metrics import mean_reciprocal_rank, recall
from tronrec.evaluation.reranking import (
    Examples,
    cross_fitted_ranks,
    fit_network,
    with_network,
)
from tronrec.evaluation.significance import session_scores
from tronrec.models.recommender import Recommender
from tronrec.params import RankingParams
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.successors import count_successors

EVENTS = 30_000
"""Events that are looked at, of the newest sessions: enough to tell .3 % apart."""
TRENDS = 0.25, 0.5, 0.75, 1.0
MEMORIES = 0.02, 0.15
"""Tried for the best trend, beside the memory that is configured."""
STEPS = 2.0, 1.0, 0.5, 0.25
"""By which gains are raised and lowered, one after the other."""
SUCCESSORS = 0.2
"""A step of the weight of successors, as a share of one of a gain."""
MARGIN = 2.0
"""Standard errors by which terms must be better."""


@dataclass(frozen=True)
class Trial:
    """Ranking terms, and how well they rank."""

    params: RankingParams
    events: GainEvents
    ranks: Int[np.ndarray, "events"]

    @classmethod
    def of(cls, params: RankingParams, events: GainEvents) -> Self:
        """Rank the events."""
        return cls(params, events, events.rank(params))

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
    """What they were chosen from: plain, configured, fitted, reranked."""
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
    known: PackedSessions,
    sessions: PackedSessions,
) -> Calibration:
    """Return the ranking terms that rank held-out sessions best.

    Args:
        model: A trained model, on the device to be used.
        params: The terms as they are configured.
        known: The sessions that the model was trained on, from which trend and
            successors are counted.
        sessions: Sessions that it was not trained on, at least one.
    """
    sessions = _newest(sessions)
    passes = _Passes(model, known, sessions)
    none = RankingParams(trend=0, trend_memory=params.trend_memory)
    plain = passes.try_terms(none)
    configured = params.model_copy(update={"rerank": False, "reranker": None})
    trials = {"plain": plain, "configured": passes.try_terms(configured)}
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
    if params.rerank and (trial := passes.rerank(trials[chosen])):
        trials["reranked"] = trial
        if _is_surely_better(trial, trials[chosen]):
            chosen = "reranked"
    return Calibration(trials[chosen].params, trials, chosen, len(plain.ranks))


def fit_gains(
    model: Recommender,
    terms: RankingTerms,
    sessions: PackedSessions,
    progress: str | None,
) -> RankingTerms:
    """Return `terms` with the gains that rank held-out sessions best.

    They stay as they are where no others are better by more than chance. One pass over
    the events: how good an epoch is shows only with the gains that fit it.

    Args:
        model: The model of an epoch, on the device to be used.
        terms: The terms as they are configured.
        sessions: Sessions that it was not trained on, at least one.
        progress: What the progress is called; None: none is shown.
    """
    events = GainEvents.collect(model, terms, _newest(sessions), progress)
    configured = Trial.of(terms.params, events)
    start = Trial.of(terms.params.without_gains(), events)
    fitted = _fit_gains(start, _merit(start))
    if not _is_surely_better(fitted, configured):
        return terms
    return replace(terms, params=fitted.params)


class _Passes:
    """Passes over the events, each with another trend."""

    def __init__(
        self,
        model: Recommender,
        known: PackedSessions,
        sessions: PackedSessions,
    ) -> None:
        self.model, self.known, self.sessions = model, known, sessions
        self.successors = count_successors([known], model.num_items)
        self.tried: dict[tuple[float, float], GainEvents] = {}

    def try_terms(self, params: RankingParams) -> Trial:
        """Rank the events; those of a trend that was tried are looked up."""
        key = params.trend, params.trend_memory
        if key not in self.tried:
            self.tried[key] = GainEvents.collect(
                self.model, self._count(params), self.sessions, "calibration"
            )
        return Trial.of(params, self.tried[key])

    def rerank(self, trial: Trial) -> Trial | None:
        """Order the best items of a trial anew; None: there are too few events.

        Ranks are those by networks of other sessions, the network is that of all.
        """
        terms = self._count(trial.params)
        if not trial.params.successors:
            terms = replace(terms, successors=None)  # as in the model that is served
        examples = Examples.collect(self.model, terms, self.known, self.sessions)
        network = fit_network(examples)
        ranks = cross_fitted_ranks(examples, DEPTH)
        if ranks is None or network is None:
            return None
        return Trial(with_network(trial.params, network), trial.events, ranks)

    def _count(self, params: RankingParams) -> RankingTerms:
        """Return the terms, with the successors that are counted already."""
        counted = params.without_gains()
        terms = RankingTerms.count(counted, self.model.num_items, self.known)
        return replace(terms, params=params, successors=self.successors)


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

    They are of the last click, of the one before it, of all before, of the number of
    clicks, and of successors.
    """
    best, gains = start, [0.0, 0.0, 0.0, 0.0, 0.0]
    for step in STEPS:
        moved = True
        while moved:
            moved = False
            for index in range(len(gains)):
                for change in (step, -step):
                    tried = gains.copy()
                    tried[index] += change
                    if tried[-1] < 0:
                        continue
                    trial = Trial.of(_with_gains(best.params, tried), best.events)
                    if merit(trial) > merit(best):
                        best, gains, moved = trial, tried, True
                        break
    return best


def _with_gains(params: RankingParams, gains: Sequence[float]) -> RankingParams:
    *by_lag, by_count, successors = gains
    update = {
        "repeat_gains": tuple(by_lag),
        "count_gain": by_count,
        "successors": SUCCESSORS * successors,
    }
    return params.model_copy(update=update)


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
