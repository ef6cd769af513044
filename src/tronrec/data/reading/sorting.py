"""Events to the clicks table: whole sessions, in the order in which they began.

First the buckets of the events are read, a few at a time, and their clicks are grouped
by session. Each such run is in order. Then all runs are read once more, one span of
time after another, and put together. No step holds many more than `clicks_at_once`.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tronrec.data.clicks import SessionBlock, scan_frames
from tronrec.data.events import CLICK, EVENT_TIME, TYPE
from tronrec.data.reading.ingest import BUCKET, BUCKETS
from tronrec.errors import UserError
from tronrec.params import IngestionParams
from tronrec.progress import Progress
from tronrec.schemas import CLICKS, ITEM, SESSION, TEST_FILE, TIME

START = "start"
LATE = "late"
DUPLICATE = "duplicate"

GROUPED = pl.Schema(
    {
        **CLICKS,
        TIME: EVENT_TIME,
        START: EVENT_TIME,
        LATE: pl.Boolean(),
        DUPLICATE: pl.Boolean(),
    }
)
"""Clicks grouped by session, each run of sessions by session start and session.

`late`: in the file, the click stood behind a later one of its session. `duplicate`: an
earlier row of the session has the same item and time.
"""

MINUTE = "minute"


def group_sessions(events: pl.LazyFrame, params: IngestionParams) -> pl.LazyFrame:
    """Return the clicks in runs of whole sessions, read when they are asked for.

    Raises:
        UserError: There are no clicks.

    Reading raises:
        UserError: A session is in the training files and in the test files.
    """
    clicks = events.filter(pl.col(TYPE) == CLICK)
    sizes = np.zeros(BUCKETS, np.int64)
    for bucket, size in _count(clicks, pl.col(BUCKET)).iter_rows():
        sizes[bucket] = size
    if not sizes.any():
        raise UserError("The raw log has no clicks; its events are of other types")

    def frames(_columns: list[str]) -> Iterator[pl.DataFrame]:
        with Progress("grouping", int(sizes.sum()), "clicks") as progress:
            for begin, end in pairwise(_cut(sizes, params.clicks_at_once)):
                mine = pl.col(BUCKET).is_between(begin, end, closed="left")
                part = clicks.filter(mine).select(CLICKS.names())
                yield _group(part.collect(engine="streaming"))
                progress.update(int(sizes[begin:end].sum()))

    return scan_frames(frames, GROUPED)


def sort_clicks(grouped: pl.LazyFrame, params: IngestionParams) -> pl.LazyFrame:
    """Return the clicks by session start, session, time; ties as they came."""
    kept = grouped
    if params.duplicates == "drop":
        kept = grouped.filter(~pl.col(DUPLICATE))
    minutes = _count(kept, pl.col(START).dt.truncate("1m"))
    starts, expected = minutes[START], int(minutes["len"].sum())
    edges = _cut(minutes["len"].to_numpy(), params.clicks_at_once)

    def frames(_columns: list[str]) -> Iterator[pl.DataFrame]:
        with Progress("sorting", expected, "clicks") as progress:
            for begin, end in pairwise(edges):
                part = kept.filter(pl.col(START) >= starts[begin])
                if end < len(starts):
                    part = part.filter(pl.col(START) < starts[end])
                names = [*CLICKS.names(), START]
                runs = part.select(names).collect(engine="streaming")
                yield _sort_sessions(runs).select(CLICKS.names()).cast(CLICKS)
                progress.update(runs.height)
        if progress.done != expected:
            raise RuntimeError("the clicks changed while they were sorted")

    return scan_frames(frames, CLICKS)


def count_faults(grouped: pl.LazyFrame) -> dict[str, int]:
    """Return the number of clicks, and of those that were late or are duplicates."""
    counts = grouped.select(
        pl.len().alias("clicks"), pl.col(LATE).sum(), pl.col(DUPLICATE).sum()
    )
    return counts.collect(engine="streaming").row(0, named=True)


def _count(clicks: pl.LazyFrame, key: pl.Expr) -> pl.DataFrame:
    return (
        clicks.group_by(key)
        .len()
        .sort(key.meta.output_name())
        .collect(engine="streaming")
    )


def _cut(sizes: NDArray[np.int64], largest: int) -> list[int]:
    """Return where to divide a row of sizes into parts of about `largest`."""
    part = (sizes.cumsum() - 1) // largest
    return [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(sizes)]


def _group(clicks: pl.DataFrame) -> pl.DataFrame:
    """Return one run: sessions by start, clicks by time, and what was wrong before."""
    grouped = clicks.sort(SESSION, maintain_order=True)
    same = pl.col(SESSION) == pl.col(SESSION).shift()
    grouped = grouped.with_columns(
        (same & (pl.col(TIME) < pl.col(TIME).shift())).fill_null(False).alias(LATE)
    )
    both = grouped.filter(same & (pl.col(TEST_FILE) != pl.col(TEST_FILE).shift()))
    if both.height:
        raise UserError(
            f"{both[SESSION].n_unique():,} sessions are in the training files and in "
            f"the test files, such as {both[SESSION][0]}; keep each in one of them, or "
            "leave the test files out"
        )
    if grouped[LATE].any():
        grouped = grouped.sort(SESSION, TIME, maintain_order=True)
    block = SessionBlock.of(grouped)
    start = block.first(TIME).gather(
        np.repeat(np.arange(len(block.lengths)), block.lengths)
    )
    marked = grouped.with_columns(start.alias(START), _duplicates(grouped))
    return _sort_sessions(marked).select(GROUPED.names())


def _duplicates(clicks: pl.DataFrame) -> pl.Series:
    """Return which clicks repeat one of the same session, item and time.

    Few clicks share their moment with a neighbour; only these are compared.
    """
    tied = pl.col(TIME).eq(pl.col(TIME).shift()) | pl.col(TIME).eq(
        pl.col(TIME).shift(-1)
    )
    candidates = clicks.with_row_index("row").filter(tied)
    repeated = candidates.filter(~pl.struct(SESSION, ITEM, TIME).is_first_distinct())[
        "row"
    ]
    marks = np.zeros(clicks.height, np.bool_)
    marks[repeated.to_numpy()] = True
    return pl.Series(DUPLICATE, marks)


def _sort_sessions(clicks: pl.DataFrame) -> pl.DataFrame:
    """Return grouped clicks with their sessions by start and number."""
    block = SessionBlock.of(clicks)
    order = np.lexsort(
        (
            block.first(SESSION).to_numpy(),
            block.first(START).to_physical().to_numpy(),
        )
    )
    if (order[1:] > order[:-1]).all():
        return clicks
    lengths = block.lengths[order]
    shift = block.bounds[:-1][order] - (lengths.cumsum() - lengths)
    return clicks[np.repeat(shift, lengths) + np.arange(clicks.height)]
