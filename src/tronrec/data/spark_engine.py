"""Filtering, splitting and indexing of clicks that lie in Spark tables.

The rules are those of `filtering`, `splitting`, `statistics` and `encoding`; a test
holds the two together, row for row. They are written anew because the best plan
differs: one machine reads whole sessions block by block, a cluster joins and groups.

A Spark table has no order. It needs the column `position`: the place of the row in the
clicks table, by session start, session and time.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from tronrec.data.splitting import MINUTE, find_begin
from tronrec.errors import UserError
from tronrec.params import FilteringParams, SplittingParams
from tronrec.schemas import (
    CLICKS,
    COUNT,
    FIRST_CLICK,
    INDEX,
    ITEM,
    ITEMS,
    SESSION,
    TEST_FILE,
    TIME,
)

POSITION = "position"

FIRST, LAST = "first_click", "last_click"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def filter_clicks(
    clicks: DataFrame, params: FilteringParams
) -> tuple[DataFrame, dict[str, int]]:
    """Do what `filtering.filter_clicks` does."""
    if POSITION not in clicks.columns:
        raise UserError(
            f"The Spark table of clicks lacks the column {POSITION}: the place of each "
            "row by session start, session and time, which breaks ties"
        )
    long = _keep_long(clicks, params.min_session_length)
    counts = long.groupBy(ITEM).count()
    items = counts.filter(f.col("count") >= params.min_item_support)
    of_frequent = long.join(items.select(ITEM), ITEM, "left_semi")
    kept = _keep_long(of_frequent, params.min_session_length)
    sizes = [table.count() for table in (clicks, long, of_frequent, kept)]
    if not sizes[-1]:
        raise UserError(
            "No session is left; lower filtering.min_item_support or "
            "min_session_length, or take more data"
        )
    return kept.select(clicks.columns), {
        "in short sessions": sizes[0] - sizes[1],
        "on rare items": sizes[1] - sizes[2],
        "in sessions that became short": sizes[2] - sizes[3],
    }


def split_clicks(
    clicks: DataFrame, params: SplittingParams, *, min_session_length: int
) -> tuple[DataFrame, DataFrame, dict[str, int]]:
    """Do what `splitting.split_clicks` does."""
    sessions = _summarise(clicks)
    if params.by == "files" and sessions.agg(f.max(TEST_FILE)).collect()[0][0]:
        later = sessions.filter(TEST_FILE)
        return _divide(clicks, later, None, min_session_length)
    return _split_by_time(
        clicks, params, "test_days", params.test_days, min_session_length
    )


def hold_out_validation(
    train: DataFrame, params: SplittingParams, *, min_session_length: int
) -> tuple[DataFrame, DataFrame, dict[str, int]]:
    """Do what `splitting.hold_out_validation` does."""
    if params.validation_days == 0:
        return train, train.limit(0), {}
    return _split_by_time(
        train, params, "validation_days", params.validation_days, min_session_length
    )


def index_items(train: DataFrame) -> pl.DataFrame:
    """Do what `encoding.index_items` does; the index fits in memory."""
    counts = train.groupBy(ITEM).count().withColumnRenamed("count", COUNT)
    ordered = pl.DataFrame(counts.toArrow()).sort(COUNT, ITEM, descending=[True, False])
    numbered = ordered.with_row_index(INDEX, offset=1)
    return numbered.cast({INDEX: ITEMS[INDEX], COUNT: ITEMS[COUNT]}).select(
        ITEMS.names()
    )


def describe(clicks: DataFrame) -> dict[str, Any]:
    """Do what `statistics.describe` does."""
    lengths = clicks.groupBy(SESSION).count()
    (of_length,) = lengths.agg(
        f.count("count").alias("sessions"),
        f.coalesce(f.sum("count"), f.lit(0)).alias("events"),
        f.avg("count").alias("mean_length"),
        f.median("count").alias("median_length"),
    ).collect()
    (content,) = clicks.agg(
        f.countDistinct(ITEM).alias("items"),
        f.min(_microseconds()).alias("first"),
        f.max(_microseconds()).alias("last"),
    ).collect()
    sizes: dict[str, Any] = {**of_length.asDict(), **content.asDict()}
    for name in ("first", "last"):
        if sizes[name] is not None:
            sizes[name] = _moment(sizes[name]).isoformat(timespec="milliseconds")
    return sizes


def to_polars(clicks: DataFrame) -> pl.LazyFrame:
    """Return the clicks in their order, in memory: 24 bytes each."""
    ordered = clicks.orderBy(POSITION).select(SESSION, ITEM, TIME)
    return pl.DataFrame(ordered.toArrow()).cast({TIME: CLICKS[TIME]}).lazy()


def first_clicks(train: DataFrame) -> pl.DataFrame:
    """Do what `statistics.first_clicks` does; the index fits in memory."""
    first = train.groupBy(ITEM).agg(f.min(TIME).alias(FIRST_CLICK))
    ordered = pl.DataFrame(first.toArrow()).sort(ITEM)
    return ordered.cast({FIRST_CLICK: CLICKS[TIME]})


def count_clicks(clicks: DataFrame) -> int:
    """Return the number of clicks."""
    return int(clicks.count())


def _keep_long(clicks: DataFrame, shortest: int) -> DataFrame:
    lengths = clicks.groupBy(SESSION).count()
    long = lengths.filter(f.col("count") >= shortest).select(SESSION)
    return clicks.join(long, SESSION, "left_semi")


def _microseconds() -> Any:
    """Return the time as a number, which no session time zone changes."""
    return f.unix_micros(TIME)


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _summarise(clicks: DataFrame) -> DataFrame:
    return clicks.groupBy(SESSION).agg(
        f.min(_microseconds()).alias(FIRST),
        f.max(_microseconds()).alias(LAST),
        f.max(TEST_FILE).alias(TEST_FILE),
    )


def _split_by_time(
    clicks: DataFrame, params: SplittingParams, field: str, days: float, shortest: int
) -> tuple[DataFrame, DataFrame, dict[str, int]]:
    sessions = _summarise(clicks)
    newest = _moment(sessions.agg(f.max(FIRST)).collect()[0][0])
    begin = find_begin(newest, params, field, days)
    microseconds = (begin - EPOCH) // timedelta(microseconds=1)
    later = sessions.filter(f.col(params.session_time) >= microseconds)
    trim_at = microseconds if params.trim else None
    try:
        return _divide(clicks, later, trim_at, shortest)
    except UserError as error:
        raise UserError(
            f"{error}; the border is {begin:{MINUTE}} UTC, change splitting.{field}"
        ) from None


def _divide(
    clicks: DataFrame, later: DataFrame, trim_at: int | None, shortest: int
) -> tuple[DataFrame, DataFrame, dict[str, int]]:
    before = clicks.join(later.select(SESSION), SESSION, "left_anti")
    cut = before if trim_at is None else before.filter(_microseconds() < trim_at)
    early = _keep_long(cut, shortest)
    after = clicks.join(later.select(SESSION), SESSION, "left_semi")
    known = after.join(early.select(ITEM).distinct(), ITEM, "left_semi")
    late = _keep_long(known, shortest)
    tables = (before, cut, early, after, known, late)
    of_before, of_cut, of_early, of_after, of_known, of_late = (
        table.count() for table in tables
    )
    if not of_early or not of_late:
        period = "later" if of_early else "earlier"
        raise UserError(
            f"No session of the {period} period has {shortest} clicks on known items"
        )
    return (
        early.select(clicks.columns),
        late.select(clicks.columns),
        {
            "cut at the border": of_before - of_cut,
            "in short sessions": of_cut - of_early,
            "on items unseen before the border": of_after - of_known,
            "in later sessions that became short": of_known - of_late,
        },
    )
