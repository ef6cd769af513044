"""Clicks by sessions, whatever the blocks, and what is kept of them."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.clicks import Log, in_order, logs, rows, sessions_of, table
from reference.filtering import drop_short_sessions
from tronrec.data.clicks import (
    count_by_item,
    count_clicks,
    count_short,
    keep,
    keep_long,
    read_sessions,
)
from tronrec.schemas import ITEM, SESSION, TIME

LOGS = logs().map(in_order)


@settings(max_examples=60)
@given(log=LOGS, size=st.integers(1, 40))
def test_sessions_are_read_whole_whatever_the_blocks(log: Log, size: int) -> None:
    blocks = list(read_sessions(table(log), size))
    assert [click for block in blocks for click in rows(block.clicks)] == log
    whole = sessions_of(log)
    numbers = [number for block in blocks for number in block.first(SESSION)]
    lengths = [length for block in blocks for length in block.lengths]
    lasts = [time for block in blocks for time in block.last(TIME)]
    assert numbers == list(whole)
    assert lengths == [len(clicks) for clicks in whole.values()]
    assert lasts == [clicks[-1].time for clicks in whole.values()]


def test_an_empty_table_has_no_sessions() -> None:
    assert list(read_sessions(table([]))) == []


@settings(max_examples=40)
@given(log=LOGS, shortest=st.integers(1, 5), size=st.integers(1, 40))
def test_long_sessions_are_kept_and_short_ones_counted(
    log: Log, shortest: int, size: int
) -> None:
    kept = drop_short_sessions(log, shortest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_sessions, "__defaults__", (size,))
        assert rows(keep_long(table(log), shortest)) == kept
        assert count_short(table(log), shortest) == len(log) - len(kept)


@settings(max_examples=40)
@given(log=LOGS, picked=st.sets(st.integers(0, 6)))
def test_items_are_counted_and_kept(log: Log, picked: set[int]) -> None:
    counts = count_by_item(table(log))
    assert dict(counts.iter_rows()) == Counter(click.item for click in log)
    items = counts.filter(pl.col(ITEM).is_in(sorted(picked)))
    kept = [click for click in log if click.item in picked]
    assert rows(keep(table(log), items)) == kept
    assert count_clicks(keep(table(log), items)) == len(kept)
