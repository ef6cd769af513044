"""The history of a training: what is told of each epoch, and which one is the best."""

import math
from collections.abc import Sequence

import polars as pl

from tronrec.checkpoint import EpochRecord

VALIDATION = "recall@20", "mrr@20"
"""What is measured on the validation sessions after an epoch."""

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


def history_table(history: Sequence[EpochRecord]) -> pl.DataFrame:
    """Return a row for each epoch; what was not measured is null."""
    rows = [
        record.model_dump()
        | {f"validation_{name}": record.validation.get(name) for name in VALIDATION}
        for record in history
    ]
    return pl.DataFrame(
        [{name: row[name] for name in HISTORY} for row in rows], HISTORY
    )


def best_epoch(history: Sequence[EpochRecord], choose_by: str) -> int:
    """Return the first of the best epochs on validation, or without it the last.

    Args:
        history: What is known of each epoch.
        choose_by: The metric that decides, such as `mrr@20`; `both`: their product.
    """
    names = VALIDATION if choose_by == "both" else [choose_by]

    def value(record: EpochRecord) -> float:
        return math.prod(record.validation[name] for name in names)

    measured = [record for record in history if set(names) <= set(record.validation)]
    return max(measured, key=value).epoch if measured else len(history)


def describe(record: EpochRecord) -> str:
    """Return the log line of an epoch."""
    numbers = [f"loss {record.loss:.4f}"]
    numbers += [f"validation_{k} {v:.4f}" for k, v in record.validation.items()]
    return f"epoch {record.epoch}: {', '.join(numbers)} ({record.seconds:.0f} s)"
