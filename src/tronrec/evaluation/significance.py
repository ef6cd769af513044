"""How sure a measured difference is: resampling of sessions, not of events.

The events of a session depend on each other, so the session is the unit of chance.
Metrics are ratios: what the events of all sessions score, by the number of events.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

LEVEL = 0.95
"""Share of the resampled metrics that an interval covers."""


RESAMPLES = 1_000
"""Draws behind the intervals of a run: at 95 %, 25 are beyond each end."""


def renumber(session: Int[np.ndarray, "events"]) -> Int[np.ndarray, "events"]:
    """Return numbers of sessions without gaps, from 0 on: not all may be measured."""
    return np.unique(session, return_inverse=True)[1]


def session_scores(
    ranks: Int[np.ndarray, "events"], session: Int[np.ndarray, "events"], k: int
) -> Float[np.ndarray, "sessions 2"]:
    """Return what the events of each session add to Recall@k and to MRR@k.

    Args:
        ranks: Rank of the target of each event, 1 the best.
        session: Number of the session of each event, from 0 on.
        k: Ranks past this one score 0.
    """
    hit = ranks <= k
    gains = hit, np.where(hit, 1 / ranks, 0)
    return np.stack([np.bincount(session, gain) for gain in gains], 1)


def intervals(
    scores: Float[np.ndarray, "sessions metrics"],
    events: Int[np.ndarray, "sessions"],
    *,
    resamples: int,
    seed: int = 0,
) -> Float[np.ndarray, "metrics 2"]:
    """Return 95 % percentile intervals by bootstrap over sessions.

    Args:
        scores: What each session adds to each metric.
        events: Number of events of each session.
        resamples: Draws of as many sessions as there are, with replacement.
        seed: Decides the draws, which all metrics share.
    """
    generator = np.random.default_rng(seed)
    resampled = np.empty((resamples, scores.shape[1]))
    for number in range(resamples):
        drawn = generator.integers(len(events), size=len(events))
        weights = np.bincount(drawn, minlength=len(events)).astype(np.float64)
        resampled[number] = (weights @ scores) / (weights @ events)
    tail = (1 - LEVEL) / 2
    return np.quantile(resampled, [tail, 1 - tail], axis=0).T


def p_values(
    differences: Float[np.ndarray, "sessions metrics"],
    *,
    resamples: int,
    seed: int = 0,
) -> Float[np.ndarray, "metrics"]:
    """Return two-sided p-values of a paired permutation test over sessions.

    Were two systems equally good, they could change places in any session. The p-value
    is the share of random exchanges that differ by as much as what was observed, which
    itself counts as one.

    Args:
        differences: What each session adds to a metric by one system more than by the
            other.
        resamples: Random exchanges; the least p-value is about one by their number.
        seed: Decides the exchanges, which all metrics share.
    """
    generator = np.random.default_rng(seed)
    observed = np.abs(differences.sum(0))
    rounding = 1e-9 * (1 + np.abs(differences).sum(0))
    as_large = np.ones(differences.shape[1])
    for _ in range(resamples):
        signs = generator.integers(2, size=len(differences)) * 2.0 - 1
        as_large += np.abs(signs @ differences) >= observed - rounding
    return as_large / (resamples + 1)


def compare(
    ranks: Mapping[str, Int[np.ndarray, "events"]],
    session: Int[np.ndarray, "events"],
    *,
    subject: str,
    resamples: int,
    k: int = 20,
) -> dict[str, dict[str, Any]]:
    """Return the metrics of each system, with intervals and p-values.

    Args:
        ranks: System -> rank of the target of each event.
        session: Number of the session of each event.
        subject: The system that the others are compared with; p-values are left out
            where there is none of this name.
        resamples: Draws of sessions.
        k: Ranks past this one score 0.
    """
    metrics, session = (f"recall@{k}", f"mrr@{k}"), renumber(session)
    scores = {
        name: session_scores(of_system, session, k) for name, of_system in ranks.items()
    }
    together = np.concatenate(list(scores.values()), 1)
    events = np.bincount(session)
    values = (together.sum(0) / events.sum()).reshape(-1, 2)
    bounds = intervals(together, events, resamples=resamples).reshape(-1, 2, 2)
    results: dict[str, dict[str, Any]] = {}
    for name, value, bound in zip(scores, values, bounds, strict=True):
        results[name] = dict(zip(metrics, value.tolist(), strict=True))
        for metric, interval in zip(metrics, bound.tolist(), strict=True):
            results[name][f"{metric}_interval"] = interval
    others = [name for name in scores if name != subject]
    if subject in scores and others:
        differences = [scores[subject] - scores[name] for name in others]
        values = p_values(np.concatenate(differences, 1), resamples=resamples)
        for name, pair in zip(others, values.reshape(-1, 2).tolist(), strict=True):
            for metric, p_value in zip(metrics, pair, strict=True):
                results[name][f"{metric}_p"] = p_value
    return results


def intervals_of_systems(
    ranks: Mapping[str, Int[np.ndarray, "events"]], session: Int[np.ndarray, "events"]
) -> dict[str, dict[str, list[float]]]:
    """Return the interval of each system's Recall@20 and MRR@20, as a report has it.

    The arguments are those of `compare`.
    """
    found = compare(ranks, session, subject="", resamples=RESAMPLES)
    return {
        name: {
            metric: scores[f"{metric}_interval"] for metric in ("recall@20", "mrr@20")
        }
        for name, scores in found.items()
    }
