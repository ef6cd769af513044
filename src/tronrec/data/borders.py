"""Where in time a log begins and ends, and where its newest part does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tronrec.data.clicks import Mask, SessionBlock, read_sessions
from tronrec.errors import UserError
from tronrec.params import HeldOut, SplittingParams
from tronrec.params.splitting import Length
from tronrec.schemas import SESSION, TEST_FILE, TIME

MINUTE = "%Y-%m-%d %H:%M"

BINS = 1 << 16
"""Parts of a span of time that sessions are counted in at once: 64 years take four
passes to the microsecond."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Moment = Callable[[SessionBlock], NDArray[np.int64]]
"""Returns the microseconds since 1970 that decide where each session belongs."""


class Span(NamedTuple):
    """When the first and the last of so many sessions begin."""

    oldest: datetime
    newest: datetime
    sessions: int


@dataclass(frozen=True)
class Border:
    """Which sessions are of the later of two periods."""

    part: HeldOut
    params: SplittingParams
    begin: datetime | None = None
    """When the later period begins; None: the publisher's test file is the period."""
    span: Span | None = None
    """Of all sessions, where time decides."""

    @property
    def length(self) -> Length:
        """How long the later period is meant to be."""
        return self.params.length_of(self.part)

    @property
    def judged(self) -> str:
        """The column that decides, beside the session."""
        return TEST_FILE if self.begin is None else TIME

    def is_later(self, block: SessionBlock) -> Mask:
        """Return which sessions of a block are of the later period."""
        if self.begin is None:
            return block.first(TEST_FILE).to_numpy()
        begin = to_microseconds(self.begin)
        return np.asarray(MOMENTS[self.params.session_time](block) >= begin)

    @property
    def trim_at(self) -> datetime | None:
        """From when on clicks of earlier sessions are cut off; None: never."""
        return self.begin if self.params.trim else None

    @property
    def place(self) -> str:
        """Where the later period begins, in words."""
        if self.begin is None:
            return "the publisher's test file"
        return f"{self.begin:{MINUTE}} UTC"

    @property
    def remedy(self) -> str:
        """What to do if a period has no sessions."""
        if self.span is None:
            return "set splitting.by to time"
        return (
            f"change {self.length}; sessions begin from {self.span.oldest:{MINUTE}} to "
            f"{self.span.newest:{MINUTE}}"
        )


def find_border(clicks: pl.LazyFrame, params: SplittingParams, part: HeldOut) -> Border:
    """Return the border before the newest days, or the newest share of sessions."""
    length, span = params.length_of(part), span_of(clicks)
    if length.is_share:
        moment = MOMENTS[params.session_time]
        number = sessions_of_share(length, span.sessions)
        begin = to_moment(_nth_newest(clicks, moment, number))
    else:
        begin = find_begin(span.newest, params, length)
    return Border(part, params, begin, span)


def find_begin(newest: datetime, params: SplittingParams, length: Length) -> datetime:
    """Return the begin of so many days, from the newest session start.

    Raises:
        UserError: There is no such day.
    """
    last_day = newest.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        days = timedelta(days=length.value)
        return (last_day if params.from_midnight else newest) - days
    except OverflowError as error:
        raise UserError(f"{length} is no number of days") from error


def sessions_of_share(length: Length, sessions: int) -> int:
    """Return how many sessions a share is, rounded up; 0.07 means 7 of 100 exactly."""
    return ceil(Fraction(str(length.value)) * sessions)


def to_moment(microseconds: int) -> datetime:
    """Return the moment that is so long after 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(moment: datetime) -> int:
    """Return how long a moment is after 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def first_moment(block: SessionBlock) -> NDArray[np.int64]:
    """Return when each session begins, in microseconds since 1970."""
    return block.first(TIME).dt.timestamp("us").to_numpy()


def last_moment(block: SessionBlock) -> NDArray[np.int64]:
    """Return when each session ends, in microseconds since 1970."""
    return block.last(TIME).dt.timestamp("us").to_numpy()


MOMENTS: dict[str, Moment] = {"first_click": first_moment, "last_click": last_moment}
"""What decides where a session belongs, by `session_time`."""


def _moments(clicks: pl.LazyFrame, moment: Moment) -> Iterator[NDArray[np.int64]]:
    return map(moment, read_sessions(clicks.select(SESSION, TIME)))


def span_of(clicks: pl.LazyFrame, moment: Moment = first_moment) -> Span:
    """Return the moments of the oldest and the newest of some sessions.

    Filtering may have taken a session's first clicks, so the last is not the newest.
    """
    ends = [(m.min(), m.max(), len(m)) for m in _moments(clicks, moment)]
    oldest, newest, sessions = zip(*ends, strict=True)
    return Span(to_moment(int(min(oldest))), to_moment(int(max(newest))), sum(sessions))


def _nth_newest(clicks: pl.LazyFrame, moment: Moment, number: int) -> int:
    """Return the moment of the `number`-th newest session, 1 the newest.

    The span is divided into bins, in which sessions are counted; then the bin that the
    session is in, and so on. Memory does not depend on the number of sessions.
    """
    span = span_of(clicks, moment)
    low, high = to_microseconds(span.oldest), to_microseconds(span.newest)
    while low < high:
        width = (high - low) // BINS + 1
        counts = np.zeros(BINS, np.int64)
        for moments in _moments(clicks, moment):
            inside = moments[(moments >= low) & (moments <= high)]
            counts += np.bincount((high - inside) // width, minlength=BINS)
        newer = counts.cumsum()
        place = int(np.searchsorted(newer, number))
        number -= int(newer[place] - counts[place])
        high -= place * width
        low = max(low, high - width + 1)
    return low
