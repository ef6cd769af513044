"""The sizes of a data set's parts, as the paper's Table 1 counts them."""

from typing import Any

import polars as pl

from tronrec.schemas import ITEM, SESSION, TIME


def describe(clicks: pl.LazyFrame) -> dict[str, Any]:
    """Return the statistics of a clicks table, ready for JSON; times are ISO, UTC."""
    lengths = clicks.group_by(SESSION).len()
    counts = lengths.select(
        pl.len().alias("sessions"),
        pl.col("len").sum().cast(pl.Int64).alias("events"),
        pl.col("len").mean().alias("mean_length"),
        pl.col("len").median().alias("median_length"),
    )
    content = clicks.select(
        pl.col(ITEM).n_unique().alias("items"),
        pl.col(TIME).min().alias("first"),
        pl.col(TIME).max().alias("last"),
    )
    found = {
        **counts.collect(engine="streaming").row(0, named=True),
        **content.collect(engine="streaming").row(0, named=True),
    }
    for name in ("first", "last"):
        found[name] = found[name] and found[name].isoformat(timespec="milliseconds")
    return found
