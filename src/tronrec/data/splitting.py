"""Training, validation and test sessions, divided over time so that nothing leaks back.

Validation is to the training period what the test set is to the whole: the same rule
applied once more, so that the epoch is chosen under the conditions of the test.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from tronrec.data.borders import Border, find_border
from tronrec.data.clicks import (
    SessionBlock,
    count_by_item,
    keep,
    keep_long,
    keep_sessions,
    map_sessions,
    read_sessions,
)
from tronrec.data.periods import Days, Period, cut_off, judge_period
from tronrec.data.statistics import clicks_by_day
from tronrec.errors import UserError
from tronrec.params import SplittingParams
from tronrec.schemas import SESSION, TEST_FILE, TIME


class Division(NamedTuple):
    """Two periods."""

    early: pl.LazyFrame
    """The clicks of the earlier one."""
    late: pl.LazyFrame
    dropped: dict[str, int]
    """Clicks by reason."""
    period: dict[str, Any]
    """The record of the later one; empty if there is none."""


def split_clicks(
    clicks: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> Division:
    """Return the clicks of the training period and of the test sessions.

    Raises:
        UserError: A part has no session, or the later one hardly any.
    """
    in_test = clicks.select(pl.col(TEST_FILE).any())
    if params.by == "files" and in_test.collect(engine="streaming").item():
        border = Border("test", params)
    else:
        border = find_border(clicks, params, "test")
    return _divide(clicks, border, min_session_length)


def hold_out_validation(
    train: pl.LazyFrame, params: SplittingParams, *, min_session_length: int
) -> Division:
    """Return the clicks to fit and those to validate on (0 `validation_days`: none).

    Raises:
        UserError: A part has no session, or the later one hardly any.
    """
    if params.validation_days == 0:
        return Division(train, train.clear(), {}, {})
    border = find_border(train, params, "validation")
    return _divide(train, border, min_session_length)


def _divide(clicks: pl.LazyFrame, border: Border, shortest: int) -> Division:
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
    dropped, period = _count(clicks, known, border, shortest)
    days = Days(clicks_by_day(clicks))
    if not period.clicks:
        problem = (
            f"None of the sessions from {border.place} on has {shortest} clicks on "
            f"items known before; {border.remedy}"
        )
        ended = cut_off(border, days)
        raise UserError(f"{problem}. {ended}" if ended else problem)
    record = judge_period(period, days)
    return Division(early, keep_long(known, shortest), dropped, record)


def _count(
    clicks: pl.LazyFrame, known: pl.LazyFrame, border: Border, shortest: int
) -> tuple[dict[str, int], Period]:
    """Return the clicks that the division drops, and what it keeps after the border.

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
    of_known = became_short = long = 0
    for block in read_sessions(known.select(SESSION)):
        of_known += len(block.clicks)
        is_short = block.lengths < shortest
        became_short += int(block.lengths[is_short].sum())
        long += int((~is_short).sum())
    return {
        "cut at the border": cut,
        "in short sessions": short,
        "on items unseen before the border": later - of_known,
        "in later sessions that became short": became_short,
    }, Period(border, long, of_known - became_short, later)
