"""What is said of a period that has hardly anything to measure on."""

import logging
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.clicks import Click, Log, in_order, table
from tronrec.data.periods import Days, refuse_small, warn_of
from tronrec.data.splitting import Division, hold_out_validation, split_clicks
from tronrec.data.statistics import clicks_by_day
from tronrec.data.time_limits import keep_begun
from tronrec.errors import UserError
from tronrec.params import SplittingParams

BEGIN = datetime(2017, 10, 1, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


def visits(*a_day: int) -> Log:
    """Sessions of 3 clicks, so many on the 1st of October, the 2nd, …"""
    numbers = enumerate((day, n) for day, size in enumerate(a_day) for n in range(size))
    return in_order(
        [
            Click(
                s, i, BEGIN + day * ONE_DAY + timedelta(minutes=n * 1200 / a_day[day])
            )
            for s, (day, n) in numbers
            for i in range(3)
        ]
    )


NEWS = visits(*[700] * 17, 2, 1, 2)
"""A log whose days end on 17 October, with stray sessions until the 20th."""


def split(log: Log, **params: object) -> Division:
    return split_clicks(table(log), SplittingParams(**params), min_session_length=2)


def test_a_test_period_of_stray_sessions_is_refused_with_the_remedy() -> None:
    record = split(NEWS, test_days=2).period
    with pytest.raises(UserError) as caught:
        refuse_small(record)
    assert str(caught.value) == record["warning"]
    assert record["warning"] == (
        "The test period, from 2017-10-18 11:00 UTC on, has 8 events to predict, fewer "
        "than 100 (12 clicks of 4 sessions) and 6 clicks a day, where 2,100 are "
        "usual. Clicks of the days: 2017-10-14: 2,100, 2017-10-15: 2,100, 2017-10-16: "
        "2,100, 2017-10-17: 2,100, 2017-10-18: 6, 2017-10-19: 3, 2017-10-20: 6; usual: "
        "2,100. Set splitting.until to 2017-10-18: from that day on there is less than "
        "a tenth of the usual clicks. Or lower splitting.min_predictions (100)."
    )


def test_the_remedy_helps(caplog: pytest.LogCaptureFixture) -> None:
    log, dropped = keep_begun(table(NEWS), None, "2017-10-18")
    assert dropped == {"from splitting.until on": 15}
    division = split_clicks(log, SplittingParams(test_days=2), min_session_length=2)
    assert division.period == {
        "begins": "2017-10-15T20:58:17.142857+00:00",
        "sessions": 1401,
        "clicks": 4203,
        "predictions": 2802,
        "usual_clicks_of_a_day": 2100,
        "is_too_small": False,
        "warning": None,
    }
    params = SplittingParams()
    fitted = hold_out_validation(division.early, params, min_session_length=2)
    assert fitted.period["predictions"] >= 1000
    refuse_small(fitted.period)
    assert not caplog.records


def test_a_period_that_is_small_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    division = split(visits(*[100] * 20), test_days=1)
    for tell in (warn_of, refuse_small):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            tell(division.period)
        (message,) = caplog.messages
        assert message == division.period["warning"]
    assert "has 202 events to predict, fewer than 1,000 (303 clicks of 101" in message
    assert message.endswith("Raise splitting.test_days (1) to 5 or more.")
    assert split(visits(*[100] * 20), test_days=5).period["warning"] is None


def test_a_share_that_is_small_is_warned_of() -> None:
    log = visits(*[100] * 20)
    warning = split(log, test_days=None, test_share=0.05).period["warning"]
    assert warning.endswith("Raise splitting.test_share (0.05) to 0.25 or more.")
    assert split(log, test_days=None, test_share=0.25).period["warning"] is None


def test_a_log_that_is_too_short_says_so() -> None:
    warning = split(visits(*[100] * 4), test_days=1).period["warning"]
    assert warning.endswith(
        "Take more clicks: a longer period would leave too little to train on."
    )


def test_a_large_period_of_quiet_days_is_warned_of() -> None:
    warning = split(visits(*[20_000] * 3, 900, 900), test_days=1.5).period["warning"]
    assert "events to predict" not in warning
    assert "clicks a day, where 60,000 are usual" in warning
    assert "Set splitting.until to 2017-10-04" in warning


def test_a_small_test_file_is_warned_of() -> None:
    log = [
        click._replace(test_file=click.session >= 1900) for click in visits(*[100] * 20)
    ]
    warning = split(log, by="files").period["warning"]
    assert warning == (
        "The test period, the publisher's test file, has 200 events to predict, fewer "
        "than 1,000 (300 clicks of 100 sessions). Set splitting.by to time."
    )
    with pytest.raises(UserError, match=r"Or lower splitting\.min_predictions \(201\)"):
        refuse_small(split(log, by="files", min_predictions=201).period)


def test_no_prediction_at_all_names_the_quiet_end() -> None:
    log = [
        *visits(*[700] * 17),
        *(Click(10**6, 99, BEGIN + 19 * ONE_DAY) for _ in "ab"),
    ]
    with pytest.raises(UserError, match=r"on items known before; change .*2017-10-18"):
        split(log, test_days=1)


@given(
    usual=st.integers(1000, 2000),
    stray=st.lists(st.integers(1, 90), max_size=60),
    days=st.integers(6, 30),
)
def test_stray_days_do_not_change_what_is_usual(
    usual: int, stray: list[int], days: int
) -> None:
    counts = [*[usual] * days, *stray]
    table_of_days = pl.DataFrame(
        {
            "day": [date(2017, 10, 1) + n * ONE_DAY for n in range(len(counts))],
            "clicks": counts,
        }
    )
    found = Days(table_of_days)
    assert found.usual == usual
    assert found.last_usual == date(2017, 10, 1) + (days - 1) * ONE_DAY


def test_days_are_those_of_utc() -> None:
    log = [Click(1, 1, BEGIN - timedelta(hours=n)) for n in (3, 1, 0)]
    assert clicks_by_day(table(log)).rows() == [
        (date(2017, 9, 30), 1),
        (date(2017, 10, 1), 2),
    ]
