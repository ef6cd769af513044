"""The history of a training: what is kept and told of each epoch."""

from collections.abc import Sequence
from typing import Any

import polars as pl

HISTORY = pl.Schema(
    {
        "epoch": pl.Int64(),
        "step": pl.Int64(),
        "seconds": pl.Float64(),
        "evaluation_seconds": pl.Float64(),
        "loss": pl.Float64(),
        "learning_rate": pl.Float64(),
        "validation_recall@20": pl.Float64(),
        "validation_mrr@20": pl.Float64(),
    }
)
"""The history of a training: seconds of training and of validation, per epoch."""


def history_table(history: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return the history of a checkpoint, one row an epoch."""
    return pl.DataFrame(history, HISTORY)


def best_epoch(history: Sequence[dict[str, Any]], choose_by: str) -> int:
    """Return the first of the best epochs on validation, or without it the last.

    Args:
        history: What is known of each epoch.
        choose_by: The metric that decides, such as `mrr@20`.
    """
    scores = [row[f"validation_{choose_by}"] for row in history]
    if not scores or scores[-1] is None:
        return len(scores)
    return scores.index(max(scores)) + 1


def describe(row: dict[str, Any]) -> str:
    """Return the log line of an epoch."""
    numbers = [
        f"{name} {row[name]:.4f}"
        for name in row
        if name == "loss" or (name.endswith("@20") and row[name] is not None)
    ]
    return f"epoch {row['epoch']}: {', '.join(numbers)} ({row['seconds']:.0f} s)"
