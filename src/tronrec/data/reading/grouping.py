"""Events to clicks that are grouped by session: numbers for ids, cuts, and faults.

The buckets of the events are read a few at a time. Sessions of text ids, and those that
are cut, have the number of the event with which they begin; text ids of items are their
rows in the list of ids. The order of the clicks depends on that of the events, and not
on what ids are called. No step holds many more than `clicks_at_once`.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tronrec.data.clicks import scan_frames
from tronrec.data.codes import to_codes
from tronrec.data.events import CLICK, EVENT_TIME, TYPE
from tronrec.data.reading.ingest import BUCKET, BUCKETS, EVENT
from tronrec.data.reading.sorting import (
    DUPLICATE,
    FIRST,
    START,
    cut_evenly,
    sort_sessions,
)
from tronrec.errors import UserError
from tronrec.params import IngestionParams
from tronrec.progress import Progress
from tronrec.schemas import CLICKS, ITEM, SESSION, TEST_FILE, TIME

LATE = "late"
OPENS = "opens"

NEW_ID, AFTER_GAP, TOO_LONG = 1, 2, 3
"""Why a session begins: there is no click of its session or visitor before, none for
`session_gap`, or the session before would last `max_session_hours`."""

GROUPED = pl.Schema(
    {
        **CLICKS,
        TIME: EVENT_TIME,
        START: EVENT_TIME,
        FIRST: pl.Int64(),
        LATE: pl.Boolean(),
        DUPLICATE: pl.Boolean(),
        OPENS: pl.UInt8(),
    }
)
"""Clicks grouped by session, each run of sessions by session start and first event.

`first`: the event with which the session begins. `late`: in the files, the click stood
behind a later one of its session or visitor. `duplicate`: an earlier row of the session
has the same item and time. `opens`: why a session begins with the click; 0: none does.
"""


def list_item_ids(events: pl.LazyFrame) -> pl.DataFrame:
    """Return the text ids of all clicked items in order; whole numbers need no list."""
    if events.collect_schema()[ITEM] != pl.String:
        return pl.DataFrame(schema={ITEM: pl.Int64})
    clicks = events.filter(pl.col(TYPE) == CLICK)
    return clicks.select(pl.col(ITEM).unique()).collect(engine="streaming").sort(ITEM)


def group_sessions(
    events: pl.LazyFrame, item_ids: pl.DataFrame, params: IngestionParams
) -> pl.LazyFrame:
    """Return the clicks in runs of whole sessions, read when they are asked for.

    Args:
        events: What the raw files hold.
        item_ids: What `list_item_ids` returned.
        params: Where sessions are cut, and how many clicks are held at a time.

    Raises:
        UserError: There are no clicks.

    Reading raises:
        UserError: A session is in the training files and in the test files.
    """
    clicks = events.filter(pl.col(TYPE) == CLICK)
    sizes = np.zeros(BUCKETS, np.int64)
    counts = clicks.group_by(BUCKET).len().collect(engine="streaming")
    sizes[counts[BUCKET].to_numpy()] = counts["len"].to_numpy()
    if not sizes.any():
        raise UserError(
            "The raw log has no clicks: its events are of other types; say which type "
            "is a click under columns of raw_log in the catalog"
        )

    def frames(_columns: list[str]) -> Iterator[pl.DataFrame]:
        with Progress("grouping", int(sizes.sum()), "clicks") as progress:
            for begin, end in pairwise(cut_evenly(sizes, params.clicks_at_once)):
                mine = pl.col(BUCKET).is_between(begin, end, closed="left")
                part = clicks.filter(mine).select(SESSION, ITEM, TIME, TEST_FILE, EVENT)
                whole = part.collect(engine="streaming")
                if params.session_gap is None:
                    _refuse_both_files(whole)
                yield _group(to_codes(whole, item_ids), params)
                progress.update(int(sizes[begin:end].sum()))

    return scan_frames(frames, GROUPED)


def is_cut(params: IngestionParams) -> bool:
    """Return whether what the log calls one session may become several."""
    return params.session_gap is not None or params.max_session_hours is not None


def count_faults(grouped: pl.LazyFrame) -> dict[str, int]:
    """Return the number of clicks and sessions, and what was found while grouping."""
    counts = grouped.select(
        pl.len().alias("clicks"),
        pl.col(LATE).sum(),
        pl.col(DUPLICATE).sum(),
        *(
            (pl.col(OPENS) == reason).sum().alias(name)
            for name, reason in (
                ("ids", NEW_ID),
                ("after_gap", AFTER_GAP),
                ("too_long", TOO_LONG),
            )
        ),
    )
    return counts.collect(engine="streaming").row(0, named=True)


def _refuse_both_files(clicks: pl.DataFrame) -> None:
    if clicks[TEST_FILE].n_unique() < 2:  # noqa: PLR2004
        return
    files = clicks.group_by(SESSION).agg(pl.col(TEST_FILE).n_unique())
    both = files.filter(pl.col(TEST_FILE) > 1)[SESSION].sort()
    if len(both):
        raise UserError(
            f"{len(both):,} sessions are in the training files and in the test files, "
            f"such as {both[0]}; keep each in one of them, or leave the test files out"
        )


def _group(clicks: pl.DataFrame, params: IngestionParams) -> pl.DataFrame:
    """Return one run: sessions by start, clicks by time, and what was wrong before."""
    is_numbered = is_cut(params) or clicks.schema[SESSION] == pl.String
    if clicks.schema[SESSION] == pl.String:
        clicks = to_codes(clicks, clicks.select(pl.col(SESSION).unique()))
    grouped = clicks.sort(SESSION, maintain_order=True)
    same = pl.col(SESSION) == pl.col(SESSION).shift()
    late = same & (pl.col(TIME) < pl.col(TIME).shift())
    grouped = grouped.with_columns(late.fill_null(False).alias(LATE))
    if grouped[LATE].any():  # no session goes on in the test files
        grouped = grouped.sort(SESSION, TEST_FILE, TIME, maintain_order=True)
    opens = _find_openings(grouped, params)
    begins = np.flatnonzero(opens)
    first = np.repeat(begins, np.diff(begins, append=len(opens)))
    events = grouped[EVENT].gather(first)
    grouped = grouped.with_columns(
        (events if is_numbered else grouped[SESSION]).alias(SESSION),
        grouped[TIME].gather(first).alias(START),
        events.alias(FIRST),
        pl.Series(OPENS, opens),
    )
    return sort_sessions(_mark_duplicates(grouped)).select(GROUPED.names())


def _find_openings(clicks: pl.DataFrame, params: IngestionParams) -> NDArray[np.uint8]:
    """Return why a session begins with each of the grouped clicks; 0: none does."""
    times = clicks[TIME].to_physical().to_numpy()
    ids = clicks.select(SESSION, TEST_FILE)
    opens = np.zeros(len(times), np.uint8)
    if (gap := params.gap_nanoseconds) is not None:
        opens[1:][np.diff(times) >= gap] = AFTER_GAP
    for name in ids.columns:
        values = ids[name].to_numpy()
        opens[1:][values[1:] != values[:-1]] = NEW_ID
    opens[:1] = NEW_ID
    if params.max_session_hours is not None:
        _cut_long(opens, times, round(params.max_session_hours * 3600 * 10**9))
    return opens


def _cut_long(opens: NDArray[np.uint8], times: NDArray[np.int64], longest: int) -> None:
    """Begin a new session where one would last as long as `longest`."""
    begins = np.flatnonzero(opens)
    ends = np.append(begins, len(opens))[1:]
    is_long = times[ends - 1] - times[begins] >= longest
    for start, end in zip(begins[is_long], ends[is_long], strict=True):
        begin = start
        while True:
            limit = times[begin] + longest
            begin += np.searchsorted(times[begin:end], limit)
            if begin == end:
                break
            opens[begin] = TOO_LONG


def _mark_duplicates(clicks: pl.DataFrame) -> pl.DataFrame:
    """Mark clicks that repeat one of the same session, item and time.

    Few clicks share their moment with a neighbour; only these are compared.
    """
    time = pl.col(TIME)
    tied = time.eq(time.shift()) | time.eq(time.shift(-1))
    candidates = clicks.with_row_index("row").filter(tied)
    first = pl.struct(SESSION, ITEM, TIME).is_first_distinct()
    marks = np.zeros(clicks.height, np.bool_)
    marks[candidates.filter(~first)["row"].to_numpy()] = True
    return clicks.with_columns(pl.Series(DUPLICATE, marks))
