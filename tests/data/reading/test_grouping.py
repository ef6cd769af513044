"""Ids of any kind and sessions of visitors become the clicks that a slow look gives."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal

from reference.clicks import EPOCH, Click, Log, logs, rows, table
from reference.sessions import cut
from tronrec.data.codes import to_codes, to_ids
from tronrec.data.events import CLICK, EVENT_TIME, EVENT_TYPES, TYPE
from tronrec.data.reading.grouping import (
    count_faults,
    group_sessions,
    list_item_ids,
)
from tronrec.data.reading.ingest import BUCKET, BUCKETS, EVENT
from tronrec.data.reading.naming import name_ids
from tronrec.data.reading.sorting import sort_clicks
from tronrec.errors import UserError
from tronrec.params import IngestionParams
from tronrec.schemas import ITEM, SESSION, TIME

MINUTES = st.sampled_from([29, 30, 31, 60, 24 * 60])
names = st.permutations([f"{n:02}-ü/{n % 3}" for n in range(13)])


def events_of(log: Log) -> pl.LazyFrame:
    return table(log).with_columns(
        (pl.col(SESSION).hash() % BUCKETS).cast(pl.UInt16).alias(BUCKET),
        pl.lit(CLICK, dtype=EVENT_TYPES).alias(TYPE),
        pl.int_range(pl.len()).alias(EVENT),
        pl.col(TIME).cast(EVENT_TIME),
    )


def in_words(events: pl.LazyFrame, words: list[str]) -> pl.LazyFrame:
    """Give every id another name."""
    named = [pl.col(n).replace_strict(range(13), words) for n in (SESSION, ITEM)]
    return events.with_columns(named)


def clicks_of(events: pl.LazyFrame, params: IngestionParams) -> pl.DataFrame:
    ids = list_item_ids(events)
    grouped = group_sessions(events, ids, params).collect().lazy()
    return to_ids(sort_clicks(grouped, params).collect(), ids)


@settings(max_examples=60)
@given(
    log=logs(two_files=True),
    gap=MINUTES,
    longest=st.none() | MINUTES,
    clicks_at_once=st.integers(1, 30),
)
def test_visitors_are_cut_into_sessions(
    log: Log, gap: int, longest: int | None, clicks_at_once: int
) -> None:
    params = IngestionParams(
        session_gap=f"{gap}m",
        max_session_hours=longest and longest / 60,
        clicks_at_once=clicks_at_once,
    )
    hours = None if longest is None else timedelta(minutes=longest)
    expected, sessions = cut(log, timedelta(minutes=gap), hours)
    events = events_of(log)
    assert rows(clicks_of(events, params)) == expected
    counts = count_faults(group_sessions(events, pl.DataFrame(), params))
    assert counts["ids"] + counts["after_gap"] + counts["too_long"] == sessions
    assert counts["ids"] == len({(click.session, click.test_file) for click in log})


@pytest.mark.parametrize(
    ("pause", "begins"), [(1799.999999, 1), (1800, 2), (1800.000001, 2)]
)
def test_the_gap_is_exact(pause: float, begins: int) -> None:
    log = [Click(1, 5, EPOCH), Click(1, 6, EPOCH + timedelta(seconds=pause))]
    clicks = clicks_of(events_of(log), IngestionParams(session_gap="0.5h"))
    assert clicks[SESSION].n_unique() == begins


def test_a_session_does_not_last_for_ever() -> None:
    log = [Click(1, n, EPOCH + timedelta(minutes=10 * n)) for n in range(20)]
    params = IngestionParams(session_gap="1h", max_session_hours=0.5)
    clicks = clicks_of(events_of(log), params)
    assert clicks.group_by(SESSION).len().sort(SESSION)["len"].to_list() == [3] * 6 + [
        2
    ]


@settings(max_examples=60)
@given(log=logs(two_files=True), words=names, gap=st.none() | MINUTES)
def test_names_of_ids_change_nothing(
    log: Log, words: list[str], gap: int | None
) -> None:
    params = IngestionParams(session_gap=gap and f"{gap}m")
    events = events_of(log)
    renamed = clicks_of(in_words(events, words), params)
    back = renamed.with_columns(
        pl.col(ITEM).replace_strict(words, range(13), return_dtype=pl.Int64)
    )
    clicks = clicks_of(events, params)
    assert_frame_equal(back.drop(SESSION), clicks.drop(SESSION))
    sessions = [frame[SESSION].rle_id() for frame in (renamed, clicks)]
    assert_series_equal(*sessions)


def test_text_ids_come_out_as_they_went_in() -> None:
    ids = ["A-103/XL", "0663713001", "663713001", "a-103/xl", "ä"]
    log = [Click(1, n % 5, EPOCH) for n in range(9)]
    events = events_of(log).with_columns(pl.col(ITEM).replace_strict(range(5), ids))
    assert list_item_ids(events)[ITEM].to_list() == sorted(ids, key=str.encode)
    clicks = clicks_of(events, IngestionParams())
    assert clicks[ITEM].to_list() == [ids[n % 5] for n in range(9)]


def test_an_id_that_is_not_listed_is_an_error() -> None:
    items = pl.DataFrame({ITEM: ["a", "b", "b"]})
    with pytest.raises(UserError, match="1 ids in item_id, such as b, are not in the"):
        to_codes(items, pl.DataFrame({ITEM: ["a"]}))


def test_a_session_in_both_parts_is_named_as_it_is_called() -> None:
    log = [Click(3, 6, EPOCH), Click(7, 5, EPOCH), Click(3, 5, EPOCH, test_file=True)]
    events = in_words(events_of(log), [f"visit {n}" for n in range(13)])
    with pytest.raises(UserError, match=r"1 sessions are .* such as visit 3;"):
        clicks_of(events, IngestionParams())
    params = IngestionParams(session_gap="1d")
    assert clicks_of(events, params)[SESSION].to_list() == [0, 1, 2]


@settings(max_examples=30)
@given(log=logs(), words=names)
def test_text_sessions_have_the_number_of_their_first_click(
    log: Log, words: list[str]
) -> None:
    expected, _ = cut(log, None, None)
    renamed = clicks_of(in_words(events_of(log), words), IngestionParams())
    assert renamed[SESSION].to_list() == [click.session for click in expected]


@settings(max_examples=40)
@given(log=logs(), words=names, gap=st.none() | MINUTES, is_text=st.booleans())
def test_ids_can_be_given_back(
    log: Log, words: list[str], gap: int | None, is_text: bool
) -> None:
    params = IngestionParams(session_gap=gap and f"{gap}m")
    events = in_words(events_of(log), words) if is_text else events_of(log)
    ids = list_item_ids(events)
    grouped = group_sessions(events, ids, params).collect().lazy()
    clicks = name_ids(sort_clicks(grouped, params), events, ids, params).collect()
    expected, _ = cut(log, gap and timedelta(minutes=gap), None)
    names = {place: click.session for place, click in enumerate(log)}
    newest = {names[click.session]: click.session for click in expected}
    kept = [c for c in expected if newest[names[c.session]] == c.session]
    call = words.__getitem__ if is_text else int
    assert clicks.select(SESSION, ITEM).rows() == [
        (call(names[click.session]), call(click.item)) for click in kept
    ]
