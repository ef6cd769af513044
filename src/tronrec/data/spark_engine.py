"""Filtering, splitting and indexing of clicks that lie in Spark tables.

The rules are those of `filtering`, `splitting`, `statistics` and `encoding`; a test
holds the two together, row for row. They are written anew because the best plan
differs: one machine reads whole sessions block by block, a cluster joins and groups.

A Spark table has no order. It needs the column `position`: the place of the row in the
clicks table, by session start, session and time.
"""

from typing import Any

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from tronrec.data.borders import (
    Border,
    Span,
    find_begin,
    sessions_of_share,
    to_microseconds,
    to_moment,
)
from tronrec.data.periods import Days, Period, judge_period
from tronrec.data.time_limits import AFTER, BEFORE, nothing_within
from tronrec.errors import UserError
from tronrec.params import FilteringParams, HeldOut, SplittingParams, parse_moment
from tronrec.schemas import (
    CLICKS,
    CLICKS_OF_DAY,
    COUNT,
    DAY,
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

MICROSECONDS_OF_A_DAY = 86_400 * 10**6

Division = tuple[DataFrame, DataFrame, dict[str, int], dict[str, Any]]
"""Earlier and later clicks, those dropped by reason, the later period's record."""


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


def keep_begun(
    clicks: DataFrame, since: str | None, until: str | None
) -> tuple[DataFrame, dict[str, int]]:
    """Do what `time_limits.keep_begun` does."""
    limits, dropped, kept = {}, {}, clicks
    if since is not None:
        limits[BEFORE] = f.col(FIRST) < to_microseconds(parse_moment(since))
    if until is not None:
        limits[AFTER] = f.col(FIRST) >= to_microseconds(parse_moment(until))
    sessions = _summarise(clicks)
    for reason, is_outside in limits.items():
        outside = sessions.filter(is_outside).select(SESSION)
        dropped[reason] = clicks.join(outside, SESSION, "left_semi").count()
        kept = kept.join(outside, SESSION, "left_anti")
    if limits and kept.isEmpty():
        raise nothing_within(since, until, _span_of(sessions))
    return kept.select(clicks.columns), dropped


def split_clicks(
    clicks: DataFrame, params: SplittingParams, *, min_session_length: int
) -> Division:
    """Do what `splitting.split_clicks` does."""
    sessions = _summarise(clicks)
    if params.by == "files" and sessions.agg(f.max(TEST_FILE)).collect()[0][0]:
        return _divide(clicks, sessions, Border("test", params), min_session_length)
    border = _find_border(sessions, params, "test")
    return _divide(clicks, sessions, border, min_session_length)


def hold_out_validation(
    train: DataFrame, params: SplittingParams, *, min_session_length: int
) -> Division:
    """Do what `splitting.hold_out_validation` does."""
    if params.validation_days == 0:
        return train, train.limit(0), {}, {}
    sessions = _summarise(train)
    border = _find_border(sessions, params, "validation")
    return _divide(train, sessions, border, min_session_length)


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
            sizes[name] = to_moment(sizes[name]).isoformat(timespec="milliseconds")
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


def clicks_by_day(clicks: DataFrame) -> pl.DataFrame:
    """Do what `statistics.clicks_by_day` does."""
    number = f.floor(_microseconds() / MICROSECONDS_OF_A_DAY).alias(DAY)
    counts = clicks.groupBy(number).agg(f.count("*").alias(CLICKS_OF_DAY))
    days = pl.DataFrame(counts.toArrow()).cast({DAY: pl.Int32, CLICKS_OF_DAY: pl.Int64})
    return days.cast({DAY: pl.Date}).sort(DAY)


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


def _summarise(clicks: DataFrame) -> DataFrame:
    return clicks.groupBy(SESSION).agg(
        f.min(_microseconds()).alias(FIRST),
        f.max(_microseconds()).alias(LAST),
        f.max(TEST_FILE).alias(TEST_FILE),
    )


def _span_of(sessions: DataFrame) -> Span:
    ends = sessions.agg(f.min(FIRST), f.max(FIRST), f.count("*"))
    oldest, newest, number = ends.collect()[0]
    return Span(to_moment(oldest), to_moment(newest), number)


def _find_border(sessions: DataFrame, params: SplittingParams, part: HeldOut) -> Border:
    """Do what `borders.find_border` does."""
    length, span = params.length_of(part), _span_of(sessions)
    if not length.is_share:
        begin = find_begin(span.newest, params, length)
        return Border(part, params, begin, span)
    moment = f.col(params.session_time)
    number = sessions_of_share(length, span.sessions)
    newest = sessions.orderBy(moment.desc()).limit(number).agg(f.min(moment))
    return Border(part, params, to_moment(newest.collect()[0][0]), span)


def _divide(
    clicks: DataFrame, sessions: DataFrame, border: Border, shortest: int
) -> Division:
    """Do what `splitting` does at a border."""
    is_later, cut_off = f.col(TEST_FILE), f.lit(False)
    if border.begin is not None:
        begin = to_microseconds(border.begin)
        is_later = f.col(border.params.session_time) >= begin
        cut_off = f.lit(border.params.trim) & (_microseconds() >= begin)
    later = sessions.filter(is_later).select(SESSION)
    before = clicks.join(later, SESSION, "left_anti")
    cut = before.filter(~cut_off)
    early = _keep_long(cut, shortest)
    after = clicks.join(later, SESSION, "left_semi")
    known = after.join(early.select(ITEM).distinct(), ITEM, "left_semi")
    late = _keep_long(known, shortest)
    of_before, of_cut, of_early, of_after, of_known, of_late = (
        table.count() for table in (before, cut, early, after, known, late)
    )
    if not of_early or not of_late:
        empty = "later" if of_early else "earlier"
        raise UserError(
            f"No session of the {empty} period has {shortest} clicks on known items; "
            f"the border is {border.place}, {border.remedy}"
        )
    long = late.select(SESSION).distinct().count()
    period = Period(border, long, of_late, of_after)
    record = judge_period(period, Days(clicks_by_day(clicks)))
    dropped = {
        "cut at the border": of_before - of_cut,
        "in short sessions": of_cut - of_early,
        "on items unseen before the border": of_after - of_known,
        "in later sessions that became short": of_known - of_late,
    }
    return early.select(clicks.columns), late.select(clicks.columns), dropped, record
