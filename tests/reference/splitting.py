"""The split over time, session by session."""

from datetime import datetime, timedelta
from decimal import Decimal

from reference.clicks import Log, sessions_of
from reference.filtering import drop_short_sessions
from tronrec.params import SplittingParams


def keep_begun(log: Log, since: datetime | None, until: datetime | None) -> Log:
    outside = {
        session
        for session, clicks in sessions_of(log).items()
        if (since and clicks[0].time < since) or (until and clicks[0].time >= until)
    }
    return [click for click in log if click.session not in outside]


def share_start(log: Log, params: SplittingParams, share: float) -> datetime:
    """The border of the fewest newest sessions that are at least a share of all."""
    position = {"first_click": 0, "last_click": -1}[params.session_time]
    moments = [clicks[position].time for clicks in sessions_of(log).values()]
    for begin in sorted(moments, reverse=True):
        later = sum(moment >= begin for moment in moments)
        if later >= Decimal(str(share)) * len(moments):
            return begin
    raise AssertionError


def period_start(log: Log, params: SplittingParams, days: float) -> datetime:
    newest = max(clicks[0].time for clicks in sessions_of(log).values())
    if params.from_midnight:
        newest = datetime(newest.year, newest.month, newest.day, tzinfo=newest.tzinfo)
    return newest - timedelta(days=days)


def is_late(session: Log, params: SplittingParams, begin: datetime) -> bool:
    position = {"first_click": 0, "last_click": -1}[params.session_time]
    return session[position].time >= begin


def divide(
    log: Log, late_sessions: set[int], trim_at: datetime | None, shortest: int
) -> tuple[Log, Log]:
    early = [click for click in log if click.session not in late_sessions]
    if trim_at:
        early = [click for click in early if click.time < trim_at]
    early = drop_short_sessions(early, shortest)
    known = {click.item for click in early}
    late = [c for c in log if c.session in late_sessions and c.item in known]
    return early, drop_short_sessions(late, shortest)


def split_by_time(
    log: Log,
    params: SplittingParams,
    days: float | None,
    share: float | None,
    shortest: int,
) -> tuple[Log, Log]:
    begin = (
        period_start(log, params, days)
        if share is None
        else share_start(log, params, share)
    )
    late = {
        s for s, clicks in sessions_of(log).items() if is_late(clicks, params, begin)
    }
    return divide(log, late, begin if params.trim else None, shortest)


def split_clicks(log: Log, params: SplittingParams, shortest: int) -> tuple[Log, Log]:
    in_test = {click.session for click in log if click.test_file}
    if params.by == "files" and in_test:
        return divide(log, in_test, None, shortest)
    return split_by_time(log, params, params.test_days, params.test_share, shortest)


def hold_out_validation(
    train: Log, params: SplittingParams, shortest: int
) -> tuple[Log, Log]:
    if params.validation_days == 0:
        return train, []
    return split_by_time(
        train, params, params.validation_days, params.validation_share, shortest
    )
