"""Filtering against the oracle of `reference.filtering`."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.clicks import EPOCH, Click, Log, in_order, logs, rows, table
from reference.filtering import drop_rare_items, drop_short_sessions
from reference.filtering import filter_clicks as expected
from tronrec.data.filtering import filter_clicks
from tronrec.errors import UserError
from tronrec.params import FilteringParams


@settings(max_examples=100)
@given(log=logs().map(in_order), shortest=st.integers(2, 4), support=st.integers(1, 6))
def test_filtering_is_the_papers(log: Log, shortest: int, support: int) -> None:
    params = FilteringParams(min_session_length=shortest, min_item_support=support)
    kept = expected(log, shortest, support)
    if not kept:
        with pytest.raises(UserError, match="No session is left"):
            filter_clicks(table(log), params)
        return
    clicks, drops = filter_clicks(table(log), params)
    found = rows(clicks)
    assert found == kept
    long = drop_short_sessions(log, shortest)
    popular = drop_rare_items(long, support)
    steps = [len(part) for part in (log, long, popular, kept)]
    assert list(drops.values()) == [a - b for a, b in pairwise(steps)]
    assert min(Counter(click.session for click in found).values()) >= shortest


def test_each_step_runs_once() -> None:
    """Item 1 loses support when session 3 goes, and stays."""
    log = [
        Click(s, i, EPOCH) for s, i in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 3))
    ]
    params = FilteringParams(min_item_support=2)
    assert rows(filter_clicks(table(log), params)[0]) == log[:4]
    params = FilteringParams(min_item_support=3)
    with pytest.raises(
        UserError,
        match="6 clicks are in sessions of at least 2, and of their items 1 have",
    ):
        filter_clicks(table(log), params)
