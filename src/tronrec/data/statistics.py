"""The sizes of a data set's parts, as the paper's Table 1 counts them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tronrec.data.clicks import read_sessions
from tronrec.schemas import CLICKS_OF_DAY, DAY, FIRST_CLICK, ITEM, SESSION, TIME


def describe(clicks: pl.LazyFrame) -> dict[str, Any]:
    """Return the statistics of a clicks table, ready for JSON; times are ISO, UTC."""
    of_length = np.zeros(1, np.int64)  # [length] number of sessions
    for block in read_sessions(clicks.select(SESSION)):
        counts = np.bincount(block.lengths, minlength=len(of_length))
        counts[: len(of_length)] += of_length
        of_length = counts
    sessions = int(of_length.sum())
    events = int(of_length @ np.arange(len(of_length)))
    content = clicks.select(
        pl.col(ITEM).n_unique().alias("items"),
        pl.col(TIME).min().alias("first"),
        pl.col(TIME).max().alias("last"),
    )
    row = content.collect(engine="streaming").row(0, named=True)
    for name in ("first", "last"):
        row[name] = row[name] and row[name].isoformat(timespec="milliseconds")
    return {
        "sessions": sessions,
        "events": events,
        "mean_length": events / sessions if sessions else None,
        "median_length": _median(of_length, sessions) if sessions else None,
        **row,
    }


def clicks_by_day(clicks: pl.LazyFrame) -> pl.DataFrame:
    """Return each day (UTC) that has clicks with their number, in order."""
    day = pl.col(TIME).dt.date().alias(DAY)
    counts = clicks.group_by(day).agg(pl.len().cast(pl.Int64).alias(CLICKS_OF_DAY))
    return counts.sort(DAY).collect(engine="streaming")


def tabulate_days(by_part: Mapping[str, pl.DataFrame]) -> dict[str, list[Any]]:
    """Return the clicks of each part on each day that any has, ready for JSON.

    Args:
        by_part: Part -> what `clicks_by_day` returns.
    """
    days = pl.concat([table.select(DAY) for table in by_part.values()]).unique()
    table = days.sort(DAY)
    for part, counts in by_part.items():
        named = counts.rename({CLICKS_OF_DAY: part})
        table = table.join(named, on=DAY, how="left", maintain_order="left")
    found = table.with_columns(
        pl.col(DAY).cast(pl.String), pl.exclude(DAY).fill_null(0)
    )
    return found.to_dict(as_series=False)


def first_clicks(train: pl.LazyFrame) -> pl.DataFrame:
    """Return each item with the time of its first click."""
    first = pl.col(TIME).min().alias(FIRST_CLICK)
    return train.group_by(ITEM).agg(first).sort(ITEM).collect(engine="streaming")


def _median(of_length: np.ndarray[Any, np.dtype[np.int64]], sessions: int) -> float:
    """Return the median length, from the number of sessions of each length."""
    places = np.array([(sessions - 1) // 2, sessions // 2])
    return float(np.searchsorted(of_length.cumsum(), places, side="right").mean())
