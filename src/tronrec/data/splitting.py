"""Training, validation and test sessions, divided over time so that nothing leaks back.

Validation is to the training period what the test set is to the whole: the same rule
applied once more, so that the epoch is chosen under the conditions of the test.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from tronrec.data.clicks import drop, frequent, keep
from tronrec.errors import UserError
from tronrec.params import SplittingParams
from tronrec.schemas import ITEM, SESSION, TEST_FILE, TIME

FIRST, LAST = "first_click", "last_click"
MINUTE = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Border:
    """Which sessions are of the later of two periods."""

    later: pl.DataFrame
    place: str
    """Where the later period begins, in words."""
    remedy: str
    """What to do if a period has no sessions."""
    trim_at: datetime | None = None
    """Clicks of earlier sessions from here on are cut off; None: there is no cut."""


def split_clicks(
    clicks: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks of the training period and of the test sessions.

    Raises:
        UserError: A part has no session.
    """
    sessions = _summarise(clicks)
    if params.by == "files" and sessions[TEST_FILE].any():
        border = Border(
            later=sessions.filter(TEST_FILE).select(SESSION),
            place="the publisher's test file",
            remedy="set splitting.by to time",
        )
    else:
        border = _find_border(sessions, params, "test_days", params.test_days)
    return _divide(clicks, border, min_session_length)


def hold_out_validation(
    train: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks to fit and those to validate on (0 `validation_days`: none).

    Raises:
        UserError: A part has no session.
    """
    if params.validation_days == 0:
        return train, train.clear()
    days = params.validation_days
    border = _find_border(_summarise(train), params, "validation_days", days)
    return _divide(train, border, min_session_length)


def _summarise(clicks: pl.LazyFrame) -> pl.DataFrame:
    """Return first and last time of each session, and whether its file is the test."""
    return (
        clicks.group_by(SESSION)
        .agg(
            pl.col(TIME).min().alias(FIRST),
            pl.col(TIME).max().alias(LAST),
            pl.col(TEST_FILE).max(),
        )
        .collect(engine="streaming")
    )


def _find_border(
    sessions: pl.DataFrame, params: SplittingParams, field: str, days: float
) -> Border:
    """Return the border `days` before the newest session start."""
    oldest, newest = sessions.select(
        pl.col(FIRST).min(), pl.col(FIRST).max().alias("newest")
    ).row(0)
    last_day = newest.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        begin = (last_day if params.from_midnight else newest) - timedelta(days=days)
    except OverflowError as error:
        raise UserError(f"splitting.{field} ({days:g}) is no number of days") from error
    return Border(
        later=sessions.filter(pl.col(params.session_time) >= begin).select(SESSION),
        place=f"{begin:{MINUTE}} UTC",
        remedy=f"change splitting.{field} ({days:g}); sessions begin from "
        f"{oldest:{MINUTE}} to {newest:{MINUTE}}",
        trim_at=begin if params.trim else None,
    )


def _divide(
    clicks: pl.LazyFrame, border: Border, min_session_length: int
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks before and after the border; after it, of items from before."""
    early = drop(clicks, border.later)
    if border.trim_at is not None:
        early = early.filter(pl.col(TIME) < border.trim_at)
    late = keep(clicks, border.later)

    early_sessions = frequent(early, SESSION, min_session_length)
    if early_sessions.is_empty():
        raise UserError(
            f"No session has {min_session_length} clicks before {border.place}; "
            f"{border.remedy}"
        )
    early = keep(early, early_sessions)
    late = keep(late, frequent(early, ITEM, 1))
    late_sessions = frequent(late, SESSION, min_session_length)
    if late_sessions.is_empty():
        raise UserError(
            f"None of the {border.later.height:,} sessions from {border.place} on has "
            f"{min_session_length} clicks on items known before; {border.remedy}"
        )
    return early, keep(late, late_sessions)
