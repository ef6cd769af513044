"""The figures of the report, each drawn from a part of its numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from tronrec.reporting.figures import COLOURS, MAX_TICKS, recall_curve
from tronrec.reporting.verdict import spoken

MODEL, BASELINE = COLOURS[0], COLOURS[1]
PLAIN = "#8a8a8a"
PALER = {MODEL: "#73b0d6", PLAIN: "#c1c1c1"}
"""Of the same, for the second bar beside a first. A legend does not show opacity."""
PARTS = {
    "fit": ("fitted", COLOURS[0]),
    "validation": ("validation", COLOURS[4]),
    "test": ("test", COLOURS[1]),
}
"""Parts of the clicks with their names and colours."""
MILLISECONDS_OF_A_DAY = 86_400_000
TALL = 300
"""Pixels of a figure; more where there are many bars."""

Numbers = Mapping[str, Any]


def systems_figure(systems: Sequence[Numbers], k: int) -> go.Figure:
    """Return Recall@k and MRR@k of the model and of its baselines, with intervals."""
    figure = go.Figure()
    ordered = sorted(systems, key=lambda row: float(row["recall"]))
    names = [spoken(row["system"]) for row in ordered]
    model = systems[0]["system"]
    for metric, label, width in (("mrr", "MRR", 0.3), ("recall", "Recall", 0.45)):
        values = [row[metric] for row in ordered]
        bounds = [row[f"{metric}_interval"] for row in ordered]
        own = [MODEL if row["system"] == model else PLAIN for row in ordered]
        figure.add_bar(
            x=values,
            y=names,
            orientation="h",
            name=f"{label}@{k}",
            width=width,
            marker={"color": own if metric == "recall" else [PALER[c] for c in own]},
            error_x={
                "array": [
                    high - v for (_, high), v in zip(bounds, values, strict=True)
                ],
                "arrayminus": [
                    v - low for (low, _), v in zip(bounds, values, strict=True)
                ],
                "thickness": 1,
            },
            hovertemplate="%{y}: %{x:.4f}",
        )
    _finish(figure, height=90 + 48 * len(names), barmode="group", legend=True)
    return figure.update_layout(legend={"traceorder": "reversed"})


def epochs_figure(epochs: Sequence[Numbers], system: str) -> go.Figure:
    """Return Recall@20 after every epoch (paper, Figure 1)."""
    figure = recall_curve({system: pl.DataFrame(epochs, infer_schema_length=None)}, "")
    return _finish(figure.update_layout(title=None), legend=True)


def loss_figure(epochs: Sequence[Numbers]) -> go.Figure:
    """Return the mean loss of every epoch."""
    figure = go.Figure()
    figure.add_scatter(
        x=[row["epoch"] for row in epochs],
        y=[row["loss"] for row in epochs],
        mode="lines+markers",
        marker={"color": MODEL},
    )
    ticks = {"title": "Epoch", "dtick": -(-len(epochs) // MAX_TICKS)}
    figure.update_layout(xaxis=ticks, yaxis={"title": "Loss"})
    return _finish(figure)


def group_figure(group: Numbers) -> go.Figure:
    """Return recall, as bars, and MRR, as diamonds, of each group of events."""
    figure = go.Figure()
    for (name, scores), colour in zip(
        group["systems"].items(), (MODEL, BASELINE), strict=False
    ):
        figure.add_bar(
            x=group["labels"],
            y=scores["recall"],
            name=spoken(name),
            offsetgroup=name,
            marker={"color": colour},
            customdata=group["events"],
            hovertemplate="recall %{y:.4f} of %{customdata:,} events",
        )
        figure.add_scatter(
            x=group["labels"],
            y=scores["mrr"],
            name=f"{spoken(name)}, MRR",
            offsetgroup=name,
            mode="markers",
            marker={
                "color": colour,
                "symbol": "diamond",
                "size": 9,
                "line": {"color": "white", "width": 1.5},
            },
            showlegend=False,
            hovertemplate="MRR %{y:.4f}",
        )
    figure.update_layout(
        scattermode="group",
        xaxis={"type": "category"},
        yaxis={"tickformat": ".2f", "rangemode": "tozero"},
    )
    return _finish(figure, barmode="group", legend=True)


def days_figure(days: Numbers) -> go.Figure:
    """Return the clicks of each day by what became of them, and the borders.

    Args:
        days: `day` and the clicks of each, in all (`clicks`) and in `fit`, `validation`
            and `test`; and when the last two begin, where time decides (`borders`).
    """
    figure = go.Figure()
    used = [sum(parts) for parts in zip(*(days[part] for part in PARTS), strict=True)]
    rest = [total - of_day for total, of_day in zip(days["clicks"], used, strict=True)]
    shown = [(*look, days[part]) for part, look in PARTS.items()]
    for name, colour, clicks in (*shown, ("left out or dropped", "#d0d0d0", rest)):
        figure.add_bar(
            x=days["day"],
            y=clicks,
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            # A bar stands over its day, not around the midnight before it.
            xperiod=MILLISECONDS_OF_A_DAY,
            xperiodalignment="middle",
            hovertemplate="%{x}: %{y:,}",
        )
    for begin in days["borders"].values():
        if begin is not None:
            figure.add_vline(
                x=begin, line={"color": "black", "width": 1.5, "dash": "dot"}
            )
    figure.update_layout(bargap=0.1, yaxis={"title": "Clicks"}, xaxis={"type": "date"})
    _finish(figure, barmode="stack", legend=True)
    return figure.update_layout(legend={"traceorder": "normal"})


def catalogue_figure(tenths: Sequence[Numbers]) -> go.Figure:
    """Return which share of items is shown, and of clicks is there, by popularity."""
    figure = go.Figure()
    places = [row["tenth"] for row in tenths]
    for key, name, colour in (
        ("shown", "items shown to anyone", MODEL),
        ("clicks", "clicks of the test period", BASELINE),
    ):
        figure.add_bar(
            x=places,
            y=[row[key] for row in tenths],
            name=name,
            marker={"color": colour},
            customdata=[row["items"] for row in tenths],
            hovertemplate="%{y:.1%} (%{customdata:,} items)",
        )
    figure.update_layout(yaxis={"tickformat": ".0%"}, xaxis={"dtick": 1})
    return _finish(figure, barmode="group", legend=True)


def funnel_figure(funnel: Sequence[Numbers]) -> go.Figure:
    """Return the clicks that are left after each stage."""
    figure = go.Figure()
    figure.add_bar(
        x=[row["clicks"] for row in funnel],
        y=[row["stage"] for row in funnel],
        orientation="h",
        marker={"color": MODEL},
        text=[f"{row['clicks']:,}" for row in funnel],
    )
    figure.update_layout(yaxis={"autorange": "reversed"})
    return _finish(figure, height=80 + 34 * len(funnel))


def lengths_figure(lengths: Mapping[str, int]) -> go.Figure:
    """Return how many sessions have how many clicks."""
    figure = go.Figure()
    figure.add_bar(x=[*map(int, lengths)], y=[*lengths.values()], marker_color=MODEL)
    figure.update_layout(xaxis={"title": "Clicks"}, yaxis={"title": "Sessions"})
    return _finish(figure)


def popularity_figure(popularity: Numbers) -> go.Figure:
    """Return the clicks on the items, from the most clicked to the least."""
    figure = go.Figure()
    figure.add_scatter(
        x=popularity["place"],
        y=popularity["clicks"],
        mode="lines",
        line={"color": MODEL},
    )
    axis = {"type": "log", "dtick": 1}
    figure.update_layout(
        xaxis={"title": "Place of the item", **axis}, yaxis={"title": "Clicks", **axis}
    )
    return _finish(figure)


def _finish(
    figure: go.Figure, *, height: int = TALL, legend: bool = False, **layout: Any
) -> go.Figure:
    """Give a figure the looks of the page: small margins, no ground of its own."""
    return (
        figure.update_layout(
            template="simple_white",
            height=height,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            showlegend=legend,
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            **layout,
        )
        .update_xaxes(automargin=True)
        .update_yaxes(automargin=True)
    )
