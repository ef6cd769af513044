"""What a clicks table must be, and the two ways to look into it."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.clicks import EPOCH, Click, Log, in_order, logs, rows, table
from tronrec.data.clicks import check_clicks, drop, frequent, keep
from tronrec.errors import UserError
from tronrec.schemas import CLICKS, ITEM, SESSION, TIME

LATER = EPOCH + timedelta(minutes=1)
LOG = [Click(2, 5, EPOCH), Click(2, 6, LATER), Click(1, 5, LATER)]


@settings(deadline=None, max_examples=30)
@given(log=logs())
def test_clicks_in_order_pass(log: Log) -> None:
    check_clicks(table(in_order(log)))


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ([LOG[0], LOG[2], LOG[1]], "1 breaks inside sessions"),
        ([LOG[1], LOG[0], LOG[2]], "1 rows before their predecessor"),
    ],
)
def test_clicks_out_of_order_are_refused(log: Log, message: str) -> None:
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


@settings(deadline=None, max_examples=50)
@given(log=logs(), values=st.sets(st.integers(0, 12)), count=st.integers(1, 4))
def test_keep_drop_and_frequent(log: Log, values: set[int], count: int) -> None:
    clicks = table(log)
    sessions = pl.DataFrame({SESSION: list(values)}, schema={SESSION: pl.Int64})
    items = sessions.rename({SESSION: ITEM})
    assert rows(keep(clicks, sessions)) == [c for c in log if c.session in values]
    assert rows(keep(clicks, items)) == [c for c in log if c.item in values]
    assert rows(drop(clicks, sessions)) == [c for c in log if c.session not in values]
    found = [click.item for click in log]
    assert set(frequent(clicks, ITEM, count)[ITEM]) == {
        item for item in found if found.count(item) >= count
    }
