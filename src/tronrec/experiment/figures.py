"""Plotly figures of a test; Kedro-Viz shows them on the page of the pipeline."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tronrec.reporting.figures import COLOURS
from tronrec.reporting.paper import LABELS

FADED = 0.35
"""Opacity of always-valid intervals."""

Record = Mapping[str, Any]


def title_of(metric: str) -> str:
    """Return the name of a metric as people read it."""
    return metric.replace("_", " ").capitalize()


def uplift_figure(results: Record, truth: Record, dataset: str) -> go.Figure:
    """Return the paper's Figure 2: the uplift of each metric and group.

    Args:
        results: What was measured (`tronrec.experiment.analysis.measure`).
        truth: `label` and `uplifts`, group -> metric -> uplift, to be drawn beside;
            empty where nobody knows it.
        dataset: Name of the data set, for the title.
    """
    control = LABELS.get(results["control"], results["control"])
    level = f"{results['level']:.0%}"
    figure = go.Figure()
    groups = _groups(results["uplifts"])
    for group, colour in zip(groups, cycle(COLOURS), strict=False):
        rows = [row for row in groups[group] if row["uplift"] is not None]
        shared = {
            "offsetgroup": group,
            "mode": "markers",
            "x": [title_of(row["metric"]) for row in rows],
            "y": [row["uplift"] for row in rows],
        }
        figure.add_scatter(
            **shared,
            showlegend=False,
            hoverinfo="skip",
            marker={"color": colour, "size": 1},
            opacity=FADED,
            error_y=_bars(rows, "always_low", "always_high", colour, 9),
        )
        figure.add_scatter(
            **shared,
            name=LABELS.get(group, group),
            marker={"color": colour, "size": 11},
            error_y=_bars(rows, "low", "high", colour, 3),
        )
        _add_truth(figure, truth, group, rows, shared)
    if not any(trace.y for trace in figure.data):
        figure.add_annotation(text="No uplift is known", showarrow=False)
    figure.update_layout(
        title=f"Uplift against {control}, {dataset}<br><sup>Line: {level} interval for "
        "one look at the end. Pale bar: always-valid interval, for any number of looks."
        "</sup>",
        template="simple_white",
        scattermode="group",
        scattergap=0.4,
        yaxis={"title": "Relative uplift", "tickformat": "+.0%", "showgrid": True},
    )
    figure.add_hline(y=0, line={"color": "grey", "width": 1})
    return figure


def _add_truth(
    figure: go.Figure,
    truth: Record,
    group: str,
    rows: Sequence[Record],
    shared: dict[str, Any],
) -> None:
    """Draw the known uplifts of a group, if there are any; all share one legend."""
    known = truth.get("uplifts", {}).get(group, {})
    values = [known.get(row["metric"]) for row in rows]
    if all(value is None for value in values):
        return
    label = f"Truth ({truth['label']})"
    figure.add_scatter(
        **(shared | {"y": values}),
        name=label,
        legendgroup=label,
        legendrank=2000,  # last
        showlegend=label not in {trace.name for trace in figure.data},
        marker={"symbol": "diamond-open", "size": 14, "color": "black"},
    )


def _bars(
    rows: Sequence[Record], low: str, high: str, colour: str, thickness: float
) -> dict[str, Any]:
    """Return the error bars between two bounds of each row."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [row[high] - row["uplift"] for row in rows],
        "arrayminus": [row["uplift"] - row[low] for row in rows],
        "color": colour,
        "thickness": thickness,
        "width": 0,
    }


def daily_figure(results: Record, dataset: str) -> go.Figure:
    """Return the uplifts as they stood at the end of each day.

    Lines around an uplift are always-valid bounds, so that they may be looked at daily.
    """
    metrics = list(dict.fromkeys(row["metric"] for row in results["by_day"]))
    figure = make_subplots(
        rows=max(1, len(metrics)),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.08,
        subplot_titles=[title_of(metric) for metric in metrics],
    )
    groups = _groups(results["by_day"])
    for group, colour in zip(groups, cycle(COLOURS), strict=False):
        for place, metric in enumerate(metrics, 1):
            rows = [row for row in groups[group] if row["metric"] == metric]
            for value, style in (
                ("uplift", {"width": 3}),
                ("always_low", {"width": 1, "dash": "dot"}),
                ("always_high", {"width": 1, "dash": "dot"}),
            ):
                named = value == "uplift"
                figure.add_scatter(
                    x=[row["date"] for row in rows],
                    y=[row[value] for row in rows],
                    name=LABELS.get(group, group),
                    legendgroup=group,
                    showlegend=named and place == 1,
                    mode="lines+markers" if named else "lines",
                    line={"color": colour, **style},
                    row=place,
                    col=1,
                )
    control = LABELS.get(results["control"], results["control"])
    figure.update_layout(
        title=f"Uplift against {control} up to each day, {dataset}",
        template="simple_white",
        height=180 + 220 * max(1, len(metrics)),
    )
    figure.update_yaxes(tickformat="+.0%", showgrid=True, zeroline=True)
    figure.update_xaxes(type="date")
    return figure


def _groups(rows: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the rows of each group, in the order of the groups."""
    groups: dict[str, list[Record]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return groups
