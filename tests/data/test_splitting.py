"""The split against the oracle of `reference.splitting`, and what it must never do."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import splitting as expected
from reference.clicks import EPOCH, Click, Log, in_order, logs, rows, sessions_of, table
from tronrec.data.splitting import hold_out_validation, split_clicks
from tronrec.errors import UserError
from tronrec.params import SplittingParams

DAYS = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 4.0])

SHARES = st.sampled_from([0.01, 0.07, 0.1, 0.25, 0.3, 0.5, 0.9])


@st.composite
def days_or_share(draw: st.DrawFn, part: str, days: st.SearchStrategy[float]) -> dict:
    """Either length of a period; the other is null."""
    length = draw(days | st.none())
    share = draw(SHARES) if length is None else None
    return {f"{part}_days": length, f"{part}_share": share}


def build(test: dict, validation: dict, **params: object) -> SplittingParams:
    return SplittingParams(**test, **validation, min_predictions=1, **params)


PARAMS = st.builds(
    build,
    test=days_or_share("test", DAYS),
    validation=days_or_share("validation", DAYS | st.just(0.0)),
    by=st.sampled_from(["time", "files"]),
    session_time=st.sampled_from(["first_click", "last_click"]),
    from_midnight=st.booleans(),
    trim=st.booleans(),
)
LOGS = logs(two_files=True).map(in_order)
SHORTEST = st.integers(2, 3)
RULES = {
    "split": (split_clicks, expected.split_clicks),
    "hold_out": (hold_out_validation, expected.hold_out_validation),
}


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=150)
@given(log=LOGS, params=PARAMS, shortest=SHORTEST)
def test_parts_are_the_oracles(
    rule: str, log: Log, params: SplittingParams, shortest: int
) -> None:
    divide, oracle = RULES[rule]
    early, late = oracle(log, params, shortest)
    none_wanted = rule == "hold_out" and params.validation_days == 0
    if none_wanted or (early and late):
        *parts, drops, period = divide(table(log), params, min_session_length=shortest)
        assert [rows(part) for part in parts] == [early, late]
        assert len(log) == len(early) + len(late) + sum(drops.values())
        sessions = len({click.session for click in late})
        assert period.get("predictions", 0) == len(late) - sessions
    else:
        with pytest.raises(UserError, match="splitting"):
            divide(table(log), params, min_session_length=shortest)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=150)
@given(log=LOGS, params=PARAMS, shortest=SHORTEST)
def test_nothing_leaks(
    rule: str, log: Log, params: SplittingParams, shortest: int
) -> None:
    divide, _ = RULES[rule]
    by_files = (
        rule == "split" and params.by == "files" and any(c.test_file for c in log)
    )
    try:
        *parts, _, _ = divide(table(log), params, min_session_length=shortest)
    except UserError:
        return
    early, late = map(rows, parts)
    if not late:
        return
    assert not {c.session for c in early} & {c.session for c in late}
    assert {c.item for c in late} <= {c.item for c in early}
    for part in (early, late):
        assert min(Counter(click.session for click in part).values()) >= shortest
    if by_files:
        assert {c.test_file for c in early} == {False}
        assert {c.test_file for c in late} == {True}
    else:
        whole, position = sessions_of(log), 0 if params.session_time[0] == "f" else -1
        times = [
            [whole[click.session][position].time for click in part]
            for part in (early, late)
        ]
        assert max(times[0]) < min(times[1])
        if params.trim and params.session_time == "first_click":
            assert max(click.time for click in early) < min(times[1])


def clicks_at(*sessions: tuple[int, datetime, datetime]) -> Log:
    """Each session clicks item 1 at both moments."""
    return [Click(s, 1, time) for s, *times in sessions for time in times]


def days(number: float) -> timedelta:
    return timedelta(days=number)


NOON = EPOCH + timedelta(hours=12)
STRADDLING = clicks_at(
    (1, NOON, NOON + days(1)),
    (2, NOON + days(1), NOON + days(4)),
    (3, NOON + days(2.5), NOON + days(2.6)),
    (4, NOON + days(3), NOON + days(3.1)),
)


@pytest.mark.parametrize(
    ("params", "train", "test"),
    [
        ({"test_days": 0.25}, {1, 2, 3}, {4}),
        ({"test_days": 0.25, "from_midnight": True}, {1, 2}, {3, 4}),
        ({"test_days": 0.25, "session_time": "last_click"}, {1, 3}, {2, 4}),
        ({"test_days": 0.25, "trim": True}, {1, 3}, {4}),
        ({"test_days": 1}, {1, 2}, {3, 4}),
        ({"test_days": 2}, {1}, {2, 3, 4}),  # session 2 begins when the period begins
    ],
)
def test_the_rules_by_example(
    params: dict[str, object], train: set[int], test: set[int]
) -> None:
    *parts, _, _ = split_clicks(
        table(STRADDLING),
        SplittingParams(min_predictions=1, **params),
        min_session_length=2,
    )
    assert [{click.session for click in rows(part)} for part in parts] == [train, test]


def test_without_validation_days_all_is_fitted() -> None:
    params = SplittingParams(validation_days=0)
    fit, validation, drops, period = hold_out_validation(
        table(STRADDLING), params, min_session_length=2
    )
    assert rows(fit) == STRADDLING
    assert rows(validation) == []
    assert drops == period == {}


def test_too_short_a_log_says_what_to_change() -> None:
    params = SplittingParams(test_days=7)
    with pytest.raises(
        UserError,
        match=r"No session has 2 clicks before 2022-07-28 12:00 UTC; change "
        r"splitting\.test_days \(7\); sessions begin from 2022-08-01 12:00 to "
        r"2022-08-04 12:00",
    ):
        split_clicks(table(STRADDLING), params, min_session_length=2)


@pytest.mark.parametrize("days", [1e6, 1e12, 1e300])
def test_a_period_before_all_calendars_is_refused(days: float) -> None:
    with pytest.raises(UserError, match=r"splitting\.test_days \(.*\) is no number"):
        split_clicks(
            table(STRADDLING), SplittingParams(test_days=days), min_session_length=2
        )


def test_a_test_period_of_new_items_only_says_so() -> None:
    log = [
        click._replace(item=2) if click.session == 4 else click for click in STRADDLING
    ]
    with pytest.raises(
        UserError, match=r"None of the sessions .* on items known before"
    ):
        split_clicks(table(log), SplittingParams(test_days=0.1), min_session_length=2)


def test_the_reasons_by_example() -> None:
    log = [*STRADDLING, Click(5, 1, NOON), Click(4, 9, NOON + days(3.2))]
    log = [click for session in (5, 1, 2, 3, 4) for click in log if click[0] == session]
    params = SplittingParams(test_days=0.25, trim=True, min_predictions=1)
    *_, drops, _ = split_clicks(table(log), params, min_session_length=2)
    assert drops == {
        "cut at the border": 1,
        "in short sessions": 2,
        "on items unseen before the border": 1,
        "in later sessions that became short": 0,
    }
