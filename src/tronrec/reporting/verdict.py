"""One sentence on whether a model is worth its training, and the numbers behind it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tronrec.evaluation.significance import (
    RESAMPLES,
    compare,
    intervals,
    renumber,
    session_scores,
)
from tronrec.reporting.paper import LABELS

Ranks = Mapping[str, NDArray[np.int64]]
"""System -> rank of the target of each event; the model is the first."""


def compare_with_baselines(
    ranks: Ranks, session: NDArray[np.int64], k: int
) -> list[dict[str, Any]]:
    """Return the metrics of the model and of its baselines, with intervals.

    Args:
        ranks: The model's ranks, then those of the baselines.
        session: Number of the session of each event.
        k: Ranks past this one score 0.

    Returns:
        For each: `system`, `recall` and `mrr` with `recall_interval` and
        `mrr_interval`, and, for baselines, the model's lead over it: `recall_lead` with
        `recall_lead_interval`.
    """
    subject, session = next(iter(ranks)), renumber(session)
    found = compare(ranks, session, subject="", resamples=RESAMPLES, k=k)
    scores = {name: session_scores(own, session, k) for name, own in ranks.items()}
    events = np.bincount(session)
    rows = []
    for name, metrics in found.items():
        row: dict[str, Any] = {"system": name}
        for metric in ("recall", "mrr"):
            row[metric] = metrics[f"{metric}@{k}"]
            row[f"{metric}_interval"] = metrics[f"{metric}@{k}_interval"]
        if name != subject:
            lead = (scores[subject] - scores[name])[:, :1]
            bounds = intervals(lead, events, resamples=RESAMPLES)
            row["recall_lead"] = float(lead.sum() / events.sum())
            row["recall_lead_interval"] = bounds[0].tolist()
        rows.append(row)
    return rows


def verdict(rows: list[dict[str, Any]], k: int) -> str:
    """Return in one sentence how the model does against the best baseline.

    Args:
        rows: What `compare_with_baselines` returns.
        k: Length of the list.
    """
    model, *baselines = rows
    name = LABELS.get(model["system"], model["system"])
    share = f"{name} has the next click among its first {k} items in {_of(model)} cases"
    if not baselines:
        return f"{share}; it was compared with no baseline."
    best = max(baselines, key=lambda row: float(row["recall"]))
    low, high = best["recall_lead_interval"]
    rival = f"the best baseline, {spoken(best['system'])}, in {_of(best)}"
    points = f"95 % interval of the difference: {100 * low:+.1f} to {100 * high:+.1f}"
    if low > 0:
        judged = "so it is worth its training"
    elif high < 0:
        judged = "so the baseline, which needs no training, is better"
    else:
        judged = "so nothing says that it is better than what needs no training"
    return f"{share}, {rival} ({points} points), {judged}."


def spoken(system: str) -> str:
    """Return the name of a system or baseline as people write it."""
    return LABELS.get(system, system.replace("_knn", " kNN").replace("_", " "))


def _of(row: Mapping[str, Any]) -> str:
    return f"{100 * row['recall']:.1f} of 100"
