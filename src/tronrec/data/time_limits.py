"""Which sessions of a log are used at all: those that begin within a time."""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tronrec.data.borders import MINUTE, Span, first_moment, span_of, to_microseconds
from tronrec.data.clicks import Mask, SessionBlock, keep_sessions, read_sessions
from tronrec.errors import UserError
from tronrec.params import parse_moment
from tronrec.schemas import SESSION, TIME

BEFORE, AFTER = "before splitting.since", "from splitting.until on"
"""Why clicks are left out."""

Outside = Callable[[NDArray[np.int64]], Mask]
"""Tells of begins, in microseconds since 1970, which are outside."""


def keep_begun(
    clicks: pl.LazyFrame, since: str | None, until: str | None
) -> tuple[pl.LazyFrame, dict[str, int]]:
    """Return the sessions that begin within a time, and the number of other clicks.

    Args:
        clicks: Clicks, before they are filtered.
        since: Sessions that begin before it are left out; None: there is no limit.
        until: Those that begin at it or later are left out, likewise.

    Returns:
        Clicks of whole sessions; and the clicks left out, for each limit there is.

    Raises:
        UserError: No session is left.
    """
    limits = _limits(since, until)
    if not limits:
        return clicks, {}

    def is_within(block: SessionBlock) -> Mask:
        begun = first_moment(block)
        outside = [is_out(begun) for is_out in limits.values()]
        return np.asarray(~np.any(outside, axis=0))

    dropped, kept = dict.fromkeys(limits, 0), 0
    for block in read_sessions(clicks.select(SESSION, TIME)):
        begun, lengths = first_moment(block), block.lengths
        kept += int(lengths[is_within(block)].sum())
        for reason, is_out in limits.items():
            dropped[reason] += int(lengths[is_out(begun)].sum())
    if not kept:
        raise nothing_within(since, until, span_of(clicks))
    return keep_sessions(clicks, is_within, TIME), dropped


def _limits(since: str | None, until: str | None) -> dict[str, Outside]:
    limits: dict[str, Outside] = {}
    if since is not None:
        low = to_microseconds(parse_moment(since))
        limits[BEFORE] = lambda begun: begun < low
    if until is not None:
        high = to_microseconds(parse_moment(until))
        limits[AFTER] = lambda begun: begun >= high
    return limits


def nothing_within(since: str | None, until: str | None, span: Span) -> UserError:
    """Return the error for a time in which no session begins."""
    stated = {"since": since, "until": until}
    named = [f"splitting.{name} ({limit})" for name, limit in stated.items() if limit]
    return UserError(
        f"No session begins within {' and '.join(named)}; sessions begin from "
        f"{span.oldest:{MINUTE}} to {span.newest:{MINUTE}} UTC, so change it"
    )
