"""Training, validation and test sessions, divided over time so that nothing leaks back.

Validation is to the training period what the test set is to the whole: the same rule
applied once more, so that the epoch is chosen under the conditions of the test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from tronrec.data.clicks import (
    Mask,
    SessionBlock,
    count_by_item,
    keep,
    keep_long,
    keep_sessions,
    map_sessions,
    read_sessions,
)
from tronrec.errors import UserError
from tronrec.params import SplittingParams
from tronrec.schemas import SESSION, TEST_FILE, TIME

MINUTE = "%Y-%m-%d %H:%M"

Parts = tuple[pl.LazyFrame, pl.LazyFrame, dict[str, int]]
"""The clicks of the earlier and of the later period; dropped clicks, by reason."""


@dataclass(frozen=True)
class Border:
    """Which sessions are of the later of two periods."""

    is_later: Callable[[SessionBlock], Mask]
    judged: str
    """The column that it reads, beside the session."""
    place: str
    """Where the later period begins, in words."""
    remedy: str
    """What to do if a period has no sessions."""
    trim_at: datetime | None = None
    """Clicks of earlier sessions from here on are cut off; None: there is no cut."""


def split_clicks(
    clicks: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> Parts:
    """Return the clicks of the training period and of the test sessions.

    Raises:
        UserError: A part has no session.
    """
    in_test = clicks.select(pl.col(TEST_FILE).any())
    if params.by == "files" and in_test.collect(engine="streaming").item():
        border = Border(
            is_later=lambda block: block.first(TEST_FILE).to_numpy(),
            judged=TEST_FILE,
            place="the publisher's test file",
            remedy="set splitting.by to time",
        )
    else:
        border = _find_border(clicks, params, "test_days", params.test_days)
    return _divide(clicks, border, min_session_length)


def hold_out_validation(
    train: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> Parts:
    """Return the clicks to fit and those to validate on (0 `validation_days`: none).

    Raises:
        UserError: A part has no session.
    """
    if params.validation_days == 0:
        return train, train.clear(), {}
    border = _find_border(train, params, "validation_days", params.validation_days)
    return _divide(train, border, min_session_length)


def _find_border(
    clicks: pl.LazyFrame, params: SplittingParams, field: str, days: float
) -> Border:
    """Return the border `days` before the newest session start."""
    oldest, newest = _span_of_starts(clicks)
    begin = find_begin(newest, params, field, days)
    moment = (
        SessionBlock.first
        if params.session_time == "first_click"
        else SessionBlock.last
    )
    return Border(
        is_later=lambda block: (moment(block, TIME) >= begin).to_numpy(),
        judged=TIME,
        place=f"{begin:{MINUTE}} UTC",
        remedy=f"change splitting.{field} ({days:g}); sessions begin from "
        f"{oldest:{MINUTE}} to {newest:{MINUTE}}",
        trim_at=begin if params.trim else None,
    )


def find_begin(
    newest: datetime, params: SplittingParams, field: str, days: float
) -> datetime:
    """Return the begin of the later period, from the newest session start.

    Raises:
        UserError: There is no such day.
    """
    last_day = newest.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return (last_day if params.from_midnight else newest) - timedelta(days=days)
    except OverflowError as error:
        raise UserError(f"splitting.{field} ({days:g}) is no number of days") from error


def _span_of_starts(clicks: pl.LazyFrame) -> tuple[datetime, datetime]:
    """Return the start of the oldest and of the newest session.

    Filtering may have taken a session's first clicks, so the last is not the newest.
    """
    spans = pl.concat(
        block.first(TIME).to_frame().select(oldest=pl.min(TIME), newest=pl.max(TIME))
        for block in read_sessions(clicks.select(SESSION, TIME))
    )
    oldest, newest = spans.select(pl.min("oldest"), pl.max("newest")).row(0)
    return oldest, newest


def _divide(clicks: pl.LazyFrame, border: Border, shortest: int) -> Parts:
    """Return the clicks before and after the border; after it, of items from before."""

    def keep_early(block: SessionBlock) -> pl.DataFrame:
        before = block.keep(~border.is_later(block))
        if border.trim_at is not None:
            before = before.filter(pl.col(TIME) < border.trim_at)
        rest = SessionBlock.of(before)
        return rest.keep(rest.lengths >= shortest)

    early = map_sessions(clicks, keep_early, border.judged, TIME)
    items = count_by_item(early)
    if items.is_empty():
        raise UserError(
            f"No session has {shortest} clicks before {border.place}; {border.remedy}"
        )
    late = keep_sessions(clicks, border.is_later, border.judged)
    known = keep(late, items)
    dropped, late_clicks = _count_dropped(clicks, known, border, shortest)
    if not late_clicks:
        raise UserError(
            f"None of the sessions from {border.place} on has {shortest} clicks on "
            f"items known before; {border.remedy}"
        )
    return early, keep_long(known, shortest), dropped


def _count_dropped(
    clicks: pl.LazyFrame, known: pl.LazyFrame, border: Border, shortest: int
) -> tuple[dict[str, int], int]:
    """Return the clicks that the division drops, and those it keeps after the border.

    Every number is counted by itself, so that a wrong one shows in the account.
    """
    cut = short = later = 0
    for block in read_sessions(clicks.select(*{SESSION, TIME, border.judged})):
        is_later = border.is_later(block)
        lengths = block.lengths
        later += int(lengths[is_later].sum())
        if border.trim_at is not None:
            is_cut = (block.clicks[TIME] >= border.trim_at).to_numpy()
            cuts = np.add.reduceat(is_cut, block.bounds[:-1], dtype=np.int64)
            cut += int(cuts[~is_later].sum())
            lengths = lengths - cuts
        lengths = lengths[~is_later]
        short += int(lengths[lengths < shortest].sum())
    of_known = became_short = 0
    for block in read_sessions(known.select(SESSION)):
        of_known += len(block.clicks)
        became_short += int(block.lengths[block.lengths < shortest].sum())
    return {
        "cut at the border": cut,
        "in short sessions": short,
        "on items unseen before the border": later - of_known,
        "in later sessions that became short": became_short,
    }, of_known - became_short
