"""What tables must be that lie on disk or come from outside."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from reference.clicks import EPOCH, Click, Log, in_order, logs, table
from tronrec.data.checks import check_clicks, check_items, check_sessions
from tronrec.data.encoding import index_items
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.schemas import CLICKS, INDEX, ITEM, SESSION, TIME

LATER = EPOCH + timedelta(minutes=1)
LOG = [Click(2, 5, EPOCH), Click(2, 6, LATER), Click(1, 5, LATER)]


@settings(max_examples=30)
@given(log=logs())
def test_clicks_in_order_pass(log: Log) -> None:
    check_clicks(table(in_order(log)))


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ([LOG[0], LOG[2], LOG[1]], "1 breaks inside sessions"),
        ([LOG[1], LOG[0], LOG[2]], "1 rows before their predecessor"),
        ([LOG[2], LOG[0], LOG[1]], "1 sessions before their predecessor"),
        ([Click(1, 5, EPOCH.replace(year=1980))], "1 rows with a time outside"),
    ],
)
def test_clicks_that_are_wrong_are_refused(log: Log, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_clicks(table(log))


@pytest.mark.parametrize("column", CLICKS.names())
def test_nulls_are_refused(column: str) -> None:
    last = pl.int_range(pl.len()) == len(LOG) - 1
    clicks = table(LOG).with_columns(pl.when(~last).then(column).alias(column))
    with pytest.raises(UserError, match="1 rows with nulls"):
        check_clicks(clicks)


def test_other_columns_are_named() -> None:
    clicks = table(LOG).with_columns(pl.col(TIME).dt.replace_time_zone(None)).drop(ITEM)
    with pytest.raises(
        UserError, match=r"item_id: Int64, timestamp: Datetime.*UTC.*; they"
    ):
        check_clicks(clicks)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_are_of_any_unit(unit: str) -> None:
    check_clicks(table(LOG).with_columns(pl.col(TIME).dt.cast_time_unit(unit)))


def test_ids_may_be_text() -> None:
    clicks = table(LOG).with_columns(pl.col(SESSION, ITEM).cast(pl.String))
    check_clicks(clicks)
    check_items(index_items(clicks))


def test_an_item_index_passes() -> None:
    check_items(index_items(table(LOG)))
    check_items(index_items(table([])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.col(INDEX) + 1, "not numbered from 1"),
        (pl.lit(5, pl.Int64).alias(ITEM), "an item twice"),
        (pl.col("count") * 0, "without clicks"),
        (pl.col(ITEM).cast(pl.Int32), "lack the columns item_id: Int64"),
    ],
)
def test_a_wrong_item_index_is_refused(change: pl.Expr, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_items(index_items(table(LOG)).with_columns(change))


@pytest.mark.parametrize(
    ("items", "offsets", "message"),
    [
        ([1, 2], [0, 2], None),
        ([], [0], None),
        ([1, 2, 3], [0, 2, 3], "a single click"),
        ([1, 0], [0, 2], "below 1"),
    ],
)
def test_sessions_are_pairs_of_item_numbers_at_least(
    items: list[int], offsets: list[int], message: str | None
) -> None:
    sessions = PackedSessions(np.array(items, np.int32), np.array(offsets, np.int64))
    if message is None:
        check_sessions(sessions)
        return
    with pytest.raises(UserError, match=message):
        check_sessions(sessions)
