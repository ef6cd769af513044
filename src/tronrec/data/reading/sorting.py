"""Grouped clicks to the clicks table: whole sessions, in the order in which they began.

Each run of grouped clicks is in order. All runs are read once more, one span of time
after another, and put together. No step holds many more than `clicks_at_once`.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tronrec.data.clicks import SessionBlock, scan_frames
from tronrec.params import IngestionParams
from tronrec.progress import Progress
from tronrec.schemas import CLICKS

START = "start"
FIRST = "first"
DUPLICATE = "duplicate"


def sort_clicks(grouped: pl.LazyFrame, params: IngestionParams) -> pl.LazyFrame:
    """Return the clicks by session start and time; ties are in the order of the log."""
    kept = grouped
    if params.duplicates == "drop":
        kept = grouped.filter(~pl.col(DUPLICATE))
    by_minute = kept.group_by(pl.col(START).dt.truncate("1m")).len().sort(START)
    minutes = by_minute.collect(engine="streaming")
    starts, expected = minutes[START], int(minutes["len"].sum())
    edges = cut_evenly(minutes["len"].to_numpy(), params.clicks_at_once)

    def frames(_columns: list[str]) -> Iterator[pl.DataFrame]:
        with Progress("sorting", expected, "clicks") as progress:
            for begin, end in pairwise(edges):
                part = kept.filter(pl.col(START) >= starts[begin])
                if end < len(starts):
                    part = part.filter(pl.col(START) < starts[end])
                names = [*CLICKS.names(), START, FIRST]
                runs = part.select(names).collect(engine="streaming")
                yield sort_sessions(runs).select(CLICKS.names()).cast(CLICKS)
                progress.update(runs.height)
        if progress.done != expected:
            raise RuntimeError("the clicks changed while they were sorted")

    return scan_frames(frames, CLICKS)


def sort_sessions(clicks: pl.DataFrame) -> pl.DataFrame:
    """Return grouped clicks with their sessions by start and first event."""
    block = SessionBlock.of(clicks)
    starts = block.first(START).to_physical().to_numpy()
    order = np.lexsort((block.first(FIRST).to_numpy(), starts))
    if (order[1:] > order[:-1]).all():
        return clicks
    lengths = block.lengths[order]
    shift = block.bounds[:-1][order] - (lengths.cumsum() - lengths)
    return clicks[np.repeat(shift, lengths) + np.arange(clicks.height)]


def cut_evenly(sizes: NDArray[np.int64], largest: int) -> list[int]:
    """Return where to divide a row of sizes into parts of about `largest`."""
    part = (sizes.cumsum() - 1) // largest
    return [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(sizes)]
