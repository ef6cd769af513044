"""Every number of the report, ready for JSON; `report` only draws them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tronrec.data.packed import PackedSessions
from tronrec.params import EvaluationParams
from tronrec.reporting import slices
from tronrec.reporting.account import TABLES
from tronrec.reporting.verdict import compare_with_baselines, verdict
from tronrec.schemas import BEST_RANK, COUNT, SESSION

USUAL = 20
"""Length of the list that metrics are quoted at."""
POINTS = 200
"""Of a curve over all items."""
LONGEST = 50
"""Sessions of at least so many clicks are counted together."""


def list_length(params: EvaluationParams) -> int:
    """Return the length of the list that the report tells of."""
    return USUAL if USUAL in params.cutoffs else max(params.cutoffs)


def analyse_test(
    events: pl.DataFrame,
    model_ranks: pl.DataFrame,
    baseline_ranks: pl.DataFrame,
    k: int,
) -> dict[str, Any]:
    """Return how the model does against baselines, in all and by kind of event.

    Args:
        events: What `slices.describe_events` returns.
        model_ranks: Number of each event's session, and rank of its target, in a
            column that is named like the system.
        baseline_ranks: Likewise, with a column for each baseline.
        k: Ranks past this one score 0.
    """
    baselines = baseline_ranks.drop(SESSION)
    together = pl.concat([model_ranks, baselines], how="horizontal")
    session = together.drop_in_place(SESSION).to_numpy()
    ranks = {name: together[name].to_numpy() for name in together.columns}
    rows = compare_with_baselines(ranks, session, k)
    shown = [rows[0]["system"], *best_baseline(rows)]
    chosen = {name: ranks[name] for name in shown}
    return {
        "k": k,
        "verdict": verdict(rows, k),
        "systems": rows,
        "groups": {
            name: slices.measure_groups(groups, chosen, k)
            for name, groups in slices.group_events(events).items()
        },
    }


def best_baseline(rows: list[dict[str, Any]]) -> list[str]:
    """Return the baseline with the best recall, if there is any."""
    ordered = sorted(rows[1:], key=lambda row: float(row["recall"]))
    return [row["system"] for row in ordered[-1:]]


def analyse_data(
    fit: PackedSessions,
    items: pl.DataFrame,
    preparation: Mapping[str, Any],
    days: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the clicks by day and stage, the lengths of sessions, items' worth.

    Args:
        fit: The sessions that the model learned from.
        items: The item index.
        preparation: What became of every click, stage by stage.
        days: The clicks of each day, in all and by part, and when periods begin.
    """
    lengths = np.bincount(np.minimum(np.diff(fit.offsets), LONGEST))
    counts = items[COUNT].to_numpy()
    places = np.unique(np.geomspace(1, len(counts), POINTS).astype(np.int64))
    return {
        "days": dict(days),
        "funnel": funnel(preparation),
        "lengths": {
            str(n): int(count) for n, count in enumerate(lengths.tolist()) if count
        },
        "popularity": {
            "place": places.tolist(),
            "clicks": counts[places - 1].tolist(),
        },
    }


def funnel(preparation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the number of clicks after each stage, those of the test last."""
    rows = [{"stage": "all clicks", "clicks": preparation["filtering"]["clicks"]}]
    for counts in preparation.values():
        rows += [
            {"stage": TABLES[name], "clicks": clicks}
            for name, clicks in counts["kept"].items()
        ]
    return sorted(rows, key=lambda row: row["stage"] == TABLES["test"])


def analyse_catalogue(
    items: pl.DataFrame, events: pl.DataFrame, best_ranks: pl.DataFrame, k: int
) -> list[dict[str, Any]]:
    """Return, for each tenth of popularity, what is shown and what is clicked.

    Args:
        items: The item index.
        events: What `slices.describe_events` returns.
        best_ranks: The best rank at which each item was recommended to anyone.
        k: Length of the list.
    """
    tenth = slices.popularity_tenths(items[COUNT]).to_numpy() - 1
    shown = (best_ranks[BEST_RANK] <= k).to_numpy()
    clicked = events[slices.TENTH].to_numpy() - 1
    sizes = _count(tenth)
    return [
        {
            "tenth": number + 1,
            "items": size,
            "shown": shown_items / size if size else 0.0,
            "clicks": clicks / len(clicked),
        }
        for number, (size, shown_items, clicks) in enumerate(
            zip(sizes, _count(tenth[shown]), _count(clicked), strict=True)
        )
    ]


def _count(tenth: NDArray[np.int64]) -> list[int]:
    return list(np.bincount(tenth, minlength=slices.TENTHS).tolist())
