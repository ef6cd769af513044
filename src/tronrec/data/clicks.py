"""What every stage does with a clicks table: read it by sessions, keep a part of it.

Tables stay lazy. The clicks of a session stand together, so that sessions are judged
block by block: memory depends neither on the number of clicks nor on that of sessions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from tronrec.schemas import COUNT, ITEM, SESSION

CLICKS_OF_A_BLOCK = 1 << 18
"""Clicks that are read at a time: few enough that the next are read meanwhile."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SessionBlock:
    """Clicks of whole sessions; session `s` is `clicks[bounds[s]:bounds[s + 1]]`."""

    clicks: pl.DataFrame
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, clicks: pl.DataFrame) -> Self:
        """Find the sessions of clicks that stand together by session."""
        ids = clicks[SESSION].to_numpy()
        inner = np.flatnonzero(ids[1:] != ids[:-1]) + 1
        ends = [len(ids)] if len(ids) else []
        return cls(clicks, np.concatenate(([0], inner, ends)).astype(np.int64))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of clicks of each session."""
        return np.diff(self.bounds)

    def first(self, column: str) -> pl.Series:
        """Return the values of the first click of each session."""
        return self.clicks[column].gather(self.bounds[:-1])

    def last(self, column: str) -> pl.Series:
        """Return the values of the last click of each session."""
        return self.clicks[column].gather(self.bounds[1:] - 1)

    def keep(self, sessions: Mask) -> pl.DataFrame:
        """Return the clicks of the sessions for which the mask is true."""
        return self.clicks.filter(pl.Series(np.repeat(sessions, self.lengths)))


def read_sessions(
    clicks: pl.LazyFrame, clicks_of_a_block: int = CLICKS_OF_A_BLOCK
) -> Iterator[SessionBlock]:
    """Yield whole sessions, about `clicks_of_a_block` clicks at a time."""
    rest = clicks.clear().collect()
    for frame in clicks.collect_batches(
        chunk_size=clicks_of_a_block, lazy=True, engine="streaming"
    ):
        block = SessionBlock.of(pl.concat([rest, frame]))
        cut = int(block.bounds[-2:][0])  # the last session may go on
        if cut:
            yield SessionBlock(block.clicks[:cut], block.bounds[:-1])
        rest = block.clicks[cut:]
    if rest.height:
        yield SessionBlock.of(rest)


def keep_sessions(
    clicks: pl.LazyFrame, rule: Callable[[SessionBlock], Mask], *judged: str
) -> pl.LazyFrame:
    """Return the clicks of the sessions for which the rule is true, in their order.

    Args:
        clicks: The clicks.
        rule: What holds for the sessions of a block.
        judged: The columns that the rule reads, beside the session.
    """
    return map_sessions(clicks, lambda block: block.keep(rule(block)), *judged)


def map_sessions(
    clicks: pl.LazyFrame, keep: Callable[[SessionBlock], pl.DataFrame], *judged: str
) -> pl.LazyFrame:
    """Return what `keep` keeps of each block, read when it is asked for."""

    def frames(columns: list[str]) -> Iterator[pl.DataFrame]:
        read = clicks.select(*dict.fromkeys((SESSION, *judged, *columns)))
        return (keep(block) for block in read_sessions(read))

    return scan_frames(frames, clicks.collect_schema())


def keep_long(clicks: pl.LazyFrame, shortest: int) -> pl.LazyFrame:
    """Return the clicks of the sessions that have at least `shortest` clicks."""
    return keep_sessions(clicks, lambda block: block.lengths >= shortest)


def keep(clicks: pl.LazyFrame, items: pl.DataFrame) -> pl.LazyFrame:
    """Return the clicks on `items`, in their order."""
    return clicks.join(items.lazy(), on=ITEM, how="semi", maintain_order="left")


def count_by_item(clicks: pl.LazyFrame) -> pl.DataFrame:
    """Return each item with its number of clicks."""
    counts = clicks.group_by(ITEM).agg(pl.len().cast(pl.Int64).alias(COUNT))
    return counts.collect(engine="streaming")


def count_clicks(clicks: pl.LazyFrame) -> int:
    """Return the number of clicks; a Parquet file knows it without being read."""
    return int(clicks.select(pl.len()).collect(engine="streaming").item())


def to_polars(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """Return the clicks as they are: they need no cluster."""
    return clicks


def count_short(clicks: pl.LazyFrame, shortest: int) -> int:
    """Return the number of clicks in sessions that have fewer than `shortest`."""
    lengths = (block.lengths for block in read_sessions(clicks.select(SESSION)))
    return sum(int(length[length < shortest].sum()) for length in lengths)


def scan_frames(
    frames: Callable[[list[str]], Iterator[pl.DataFrame]], schema: pl.Schema
) -> pl.LazyFrame:
    """Return a table that draws its frames whenever a query runs.

    Args:
        frames: Yields the frames, for a query that needs these columns at least.
        schema: The columns there are.
    """

    def source(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        limit: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        needed = schema.names() if columns is None else columns
        for frame in frames(needed):
            part = frame.select(needed)
            if predicate is not None:
                part = part.filter(predicate)
            if limit is not None:
                part = part.head(limit)
                limit -= part.height
            yield part
            if limit == 0:
                return

    return register_io_source(source, schema=schema)
