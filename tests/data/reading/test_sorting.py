"""From events to the clicks table: in order, whatever the slices; faults counted."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.clicks import EPOCH, Click, Log, in_order, logs, rows, table
from tronrec.data.events import CLICK, EVENT_TIME, EVENT_TYPES, TYPE
from tronrec.data.reading.grouping import count_faults, group_sessions
from tronrec.data.reading.ingest import BUCKET, BUCKETS, EVENT
from tronrec.data.reading.sorting import sort_clicks
from tronrec.errors import UserError
from tronrec.params import IngestionParams
from tronrec.schemas import CLICKS, ITEM, SESSION, TIME

NUMBERS = pl.DataFrame(schema={ITEM: pl.Int64})
"""The list of text ids of a log without any."""


def events_of(log: Log, type: str = CLICK) -> pl.LazyFrame:
    bucket = (pl.col(SESSION) * 397 % BUCKETS).cast(pl.UInt16).alias(BUCKET)
    given_type = pl.lit(type, dtype=EVENT_TYPES).alias(TYPE)
    time = pl.col(TIME).cast(EVENT_TIME)
    events = table(log).with_columns(pl.int_range(pl.len()).alias(EVENT))
    return events.with_columns(time, bucket, given_type)


def sorted_clicks(log: Log, params: IngestionParams) -> pl.LazyFrame:
    grouped = group_sessions(events_of(log), NUMBERS, params).collect().lazy()
    return sort_clicks(grouped, params)


@settings(max_examples=60)
@given(log=logs(two_files=True), clicks_at_once=st.integers(1, 30))
def test_clicks_are_in_order_whatever_the_slices(log: Log, clicks_at_once: int) -> None:
    clicks = sorted_clicks(log, IngestionParams(clicks_at_once=clicks_at_once))
    assert clicks.collect_schema() == CLICKS
    assert rows(clicks) == in_order(log)


@settings(max_examples=60)
@given(log=logs(), clicks_at_once=st.integers(1, 30), twice=st.booleans())
def test_faults_are_counted(log: Log, clicks_at_once: int, twice: bool) -> None:
    log = log * 2 if twice else log
    params = IngestionParams(clicks_at_once=clicks_at_once)
    late, last = 0, {}
    for click in log:
        late += click.time < last.get(click.session, click.time)
        last[click.session] = click.time
    assert count_faults(group_sessions(events_of(log), NUMBERS, params)) == {
        "clicks": len(log),
        "late": late,
        "duplicate": len(log) - len(set(log)),
        "ids": len(last),
        "after_gap": 0,
        "too_long": 0,
    }


@settings(max_examples=30)
@given(log=logs(), clicks_at_once=st.integers(1, 30))
def test_all_but_the_first_of_duplicates_can_be_dropped(
    log: Log, clicks_at_once: int
) -> None:
    params = IngestionParams(clicks_at_once=clicks_at_once, duplicates="drop")
    expected = list(dict.fromkeys(in_order(log * 2)))
    assert rows(sorted_clicks(log * 2, params)) == expected
    assert max(Counter(expected).values()) == 1


def test_clicks_of_one_moment_stay_in_the_order_of_the_file() -> None:
    log = [Click(1, item, EPOCH) for item in (5, 2, 9, 2, 7)]
    assert rows(sorted_clicks(log, IngestionParams())) == in_order(log)


def test_a_session_in_both_parts_is_an_error() -> None:
    log = [Click(3, 6, EPOCH), Click(7, 5, EPOCH), Click(3, 5, EPOCH, test_file=True)]
    with pytest.raises(
        UserError, match=r"1 sessions are in the training files and .* 3;"
    ):
        group_sessions(events_of(log), NUMBERS, IngestionParams()).collect()


def test_a_log_without_clicks_is_an_error() -> None:
    events = events_of([Click(1, 2, EPOCH)], "carts")
    with pytest.raises(UserError, match="no clicks"):
        group_sessions(events, NUMBERS, IngestionParams())


def test_events_that_change_under_the_sort_are_noticed() -> None:
    log = [Click(s, i, EPOCH) for s in range(3) for i in range(3)]
    grouped = group_sessions(events_of(log), NUMBERS, IngestionParams()).collect()
    sizes = iter([9, 8])
    table = grouped.lazy().map_batches(lambda clicks: clicks.head(next(sizes)))
    with pytest.raises(RuntimeError, match="changed"):
        sort_clicks(table, IngestionParams()).select(ITEM).collect()
