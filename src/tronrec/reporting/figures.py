"""Plotly figures of runs; Kedro-Viz shows them on the page of the pipeline."""

from collections.abc import Mapping
from itertools import cycle, product

import plotly.graph_objects as go
import polars as pl

from tronrec.reporting.paper import LABELS

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette: readers who confuse red and green can tell them apart."""

SYMBOLS = ("circle", "diamond", "square")
"""One for each turn of the palette."""

DASHES = {"validation": "solid", "test": "dash"}

MAX_TICKS = 10


def recall_curve(histories: Mapping[str, pl.DataFrame], dataset: str) -> go.Figure:
    """Return Recall@20 after every epoch, one colour a system (paper, Figure 1).

    Args:
        histories: System -> its epochs, with a column of Recall@20 for each part of the
            data that was measured; an epoch without a measurement has null.
        dataset: Name of the data set, for the title.
    """
    figure = go.Figure()
    looks = product(SYMBOLS, COLOURS)
    for (system, history), (symbol, colour) in zip(
        histories.items(), cycle(looks), strict=False
    ):
        for part, dash in DASHES.items():
            column = f"{part}_recall@20"
            if column not in history.columns:
                continue
            measured = history.select("epoch", column).drop_nulls()
            if measured.is_empty():
                continue
            epochs, recalls = measured.get_columns()
            figure.add_scatter(
                x=epochs.to_list(),
                y=recalls.to_list(),
                name=f"{LABELS.get(system, system)}, {part}",
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol, "size": 8},
            )
    if not figure.data:
        figure.add_annotation(text="No epoch was measured", showarrow=False)
    last = max(history.height for history in histories.values())
    figure.update_layout(
        title=f"Recall@20 after every epoch, {dataset}",
        template="simple_white",
        showlegend=True,
        # Whole epochs only, and no more labels than fit.
        xaxis={"title": "Epoch", "dtick": -(-last // MAX_TICKS)},
        yaxis={"title": "Recall@20", "tickformat": ".3f", "showgrid": True},
    )
    return figure
