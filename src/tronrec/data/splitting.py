"""Training, validation and test sessions, divided over time so that nothing leaks back.

Validation is to the training period what the test set is to the whole: the same rule
applied once more, so that the epoch is chosen under the conditions of the test.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from tronrec.data.clicks import frequent, keep
from tronrec.errors import UserError
from tronrec.params import SplittingParams
from tronrec.schemas import ITEM, SESSION, TEST_FILE, TIME

FIRST, LAST = "first_click", "last_click"


@dataclass(frozen=True)
class Border:
    """Where a later period begins, and which sessions belong to it."""

    later: pl.DataFrame
    place: str
    """The border in words, for messages."""
    remedy: str
    trim_at: datetime | None = None
    """When clicks of earlier sessions must have ended; None: they keep them all."""


def split_clicks(
    clicks: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks of the training period and of the test sessions.

    Raises:
        UserError: A part has no session.
    """
    sessions = _summarise(clicks)
    border = _find_border(sessions, params, "test_days", params.test_days)
    if params.by == "files" and sessions[TEST_FILE].any():
        border = Border(
            sessions.filter(TEST_FILE).select(SESSION),
            place="the publisher's test file",
            remedy="set splitting.by to time",
        )
    return _divide(clicks, border, min_session_length)


def hold_out_validation(
    train: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks to fit and those to validate on: none if `validation_days` is 0.

    Raises:
        UserError: A part has no session.
    """
    if params.validation_days == 0:
        return train, train.clear()
    days = params.validation_days
    border = _find_border(_summarise(train), params, "validation_days", days)
    return _divide(train, border, min_session_length)


def _summarise(clicks: pl.LazyFrame) -> pl.DataFrame:
    """Return one row a session: its first and last time, and whether the file is test."""
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
    newest: datetime = sessions[FIRST].max()
    if params.from_midnight:
        newest = newest.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = newest - timedelta(days=days)
    first = sessions[FIRST].min()
    return Border(
        later=sessions.filter(pl.col(params.session_time) >= begin).select(SESSION),
        place=f"{begin:%Y-%m-%d %H:%M:%S} UTC, {days:g} days before {newest:%Y-%m-%d "
        f"%H:%M:%S} (the sessions begin {first:%Y-%m-%d %H:%M:%S})",
        remedy=f"change splitting.{field} ({days:g})",
        trim_at=begin if params.trim else None,
    )


def _divide(
    clicks: pl.LazyFrame, border: Border, min_session_length: int
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks before and after the border; after it, of items from before."""
    early = clicks.join(border.later.lazy(), on=SESSION, how="anti", maintain_order="left")
    if border.trim_at is not None:
        early = early.filter(pl.col(TIME) < border.trim_at)
    late = keep(clicks, border.later)

    early_sessions = frequent(early, SESSION, min_session_length)
    if early_sessions.is_empty():
        raise UserError(
            f"No session with {min_session_length} clicks is before {border.place}; "
            f"{border.remedy}"
        )
    early = keep(early, early_sessions)
    late = keep(late, frequent(early, ITEM, 1))
    late_sessions = frequent(late, SESSION, min_session_length)
    if late_sessions.is_empty():
        raise UserError(
            f"None of the {border.later.height:,} sessions after {border.place} has "
            f"{min_session_length} clicks on items known before; {border.remedy} or "
            "lower filtering.min_item_support"
        )
    return early, keep(late, late_sessions)
