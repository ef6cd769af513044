"""The nodes of encoding."""

from typing import Any

import polars as pl

from tronrec.data import encoding, statistics
from tronrec.data.packed import PackedSessions


def index_items(train: pl.LazyFrame) -> pl.DataFrame:
    """Number the items of the training period."""
    return encoding.index_items(train)


def encode_sessions(clicks: pl.LazyFrame, items: pl.DataFrame) -> PackedSessions:
    """Return the sessions as item numbers."""
    return PackedSessions.from_clicks(clicks, items)


def count_statistics(
    train: pl.LazyFrame,
    fit: pl.LazyFrame,
    validation: pl.LazyFrame,
    test: pl.LazyFrame,
) -> dict[str, dict[str, Any]]:
    """Return the sizes of all parts."""
    return {
        "train": statistics.describe(train),
        "fit": statistics.describe(fit),
        "validation": statistics.describe(validation),
        "test": statistics.describe(test),
    }
