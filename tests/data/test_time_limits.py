"""Sessions that begin within a time, against the oracle; each limit by example."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import splitting as expected
from reference.clicks import EPOCH, Click, Log, in_order, logs, rows, table
from tronrec.data.filtering import filter_clicks
from tronrec.data.time_limits import keep_begun
from tronrec.errors import UserError
from tronrec.params import FilteringParams

HALVES = st.integers(-1, 11).map(lambda n: EPOCH + timedelta(hours=12 * n))
ZONES = st.integers(-12, 12).map(lambda hours: timezone(timedelta(hours=hours)))
LIMITS = st.none() | HALVES


@given(log=logs().map(in_order), since=LIMITS, until=LIMITS, zone=ZONES)
def test_what_is_kept_is_the_oracles(
    log: Log, since: datetime | None, until: datetime | None, zone: timezone
) -> None:
    if since and until and since >= until:
        since, until = until, since
    if since == until:
        until = None
    stated = [limit and limit.astimezone(zone).isoformat() for limit in (since, until)]
    kept = expected.keep_begun(log, since, until)
    if not kept:
        with pytest.raises(UserError, match=r"No session begins within splitting\."):
            keep_begun(table(log), *stated)
        return
    found, dropped = keep_begun(table(log), *stated)
    assert rows(found) == kept
    assert len(log) == len(kept) + sum(dropped.values())
    assert list(dropped) == [
        reason
        for reason, limit in (
            ("before splitting.since", since),
            ("from splitting.until on", until),
        )
        if limit
    ]


def test_a_date_is_its_midnight_and_a_session_stays_whole() -> None:
    midnight = datetime(2022, 8, 3, tzinfo=UTC)
    late = [midnight - timedelta(seconds=1), midnight + timedelta(hours=2)]
    log = [
        *(Click(1, 1, EPOCH + timedelta(hours=n)) for n in (0, 1)),
        *(Click(2, 1, time) for time in late),
        *(Click(3, 1, midnight) for _ in range(3)),
    ]
    found, dropped = keep_begun(table(log), None, "2022-08-03")
    assert {click.session for click in rows(found)} == {1, 2}
    assert dropped == {"from splitting.until on": 3}
    found, dropped = keep_begun(table(log), "2022-08-03", None)
    assert {click.session for click in rows(found)} == {3}
    assert dropped == {"before splitting.since": 4}


def test_without_limits_the_table_is_not_read() -> None:
    clicks = table([Click(1, 1, EPOCH)])
    assert keep_begun(clicks, None, None) == (clicks, {})


def test_no_session_left_says_when_sessions_begin() -> None:
    log = [Click(1, 1, EPOCH), Click(1, 2, EPOCH + timedelta(days=9))]
    with pytest.raises(
        UserError,
        match=r"within splitting\.since \(2022-08-02\) and splitting\.until "
        r"\(2023-01-01\); sessions begin from 2022-08-01 00:00 to 2022-08-01 00:00 UTC",
    ):
        keep_begun(table(log), "2022-08-02", "2023-01-01")


@given(log=logs().map(in_order))
def test_filtering_does_not_see_what_is_outside(log: Log) -> None:
    """An item's clicks outside do not support it."""
    until, params = EPOCH + timedelta(days=2), FilteringParams(min_item_support=3)
    inside = expected.keep_begun(log, None, until)
    try:
        kept, _ = keep_begun(table(log), None, until.isoformat())
        found = rows(filter_clicks(kept, params)[0])
    except UserError:
        return
    assert found == rows(filter_clicks(table(inside), params)[0])
