"""Raw log to clicks: every event read and counted, clicks kept and put in order.

Both steps hold a bounded part of the log at a time, so that OTTO's 200 million events
pass through a small machine.
"""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from tronrec.data.blocks import BLOCK_BYTES, read_blocks
from tronrec.data.formats import CLICK, EVENT_TYPES, TYPE, parse_block
from tronrec.data.raw import RawLog
from tronrec.errors import UserError
from tronrec.schemas import CLICKS, SESSION, TEST_FILE, TIME

EVENTS = pl.Schema({**CLICKS, TYPE: EVENT_TYPES})
"""The events of a raw log, in the order of its files: clicks, carts and orders."""

CLICKS_AT_ONCE = 1 << 24
"""Clicks sorted in memory at a time; about 2 GB."""

START = "start"


def scan_events(log: RawLog, block_bytes: int = BLOCK_BYTES) -> pl.LazyFrame:
    """Return the events of the raw files, read block by block when they are asked for.

    Reading raises:
        UserError: A line is not in the publisher's format, or a file has no events.
    """

    def frames() -> Iterator[pl.DataFrame]:
        for path, is_test in ((log.train, False), (log.test, True)):
            if path is None:
                continue
            count = 0
            for block in read_blocks(path, block_bytes):
                events = parse_block(log.format, block)
                count += events.height
                yield events.with_columns(pl.lit(is_test).alias(TEST_FILE)).select(
                    EVENTS.names()
                )
            if count == 0:
                raise UserError(f"{path}: no events; fetch or write the file again")

    return _scan(frames, EVENTS)


def sort_clicks(
    events: pl.LazyFrame, clicks_at_once: int = CLICKS_AT_ONCE
) -> pl.LazyFrame:
    """Return the clicks by session start, session, time; ties as they came.

    The sessions' starts are found first. Then sessions that follow one another are
    collected and sorted, about `clicks_at_once` clicks at a time.

    Raises:
        UserError: There are no clicks, or a session is in both files.
    """
    clicks = events.filter(pl.col(TYPE) == CLICK).drop(TYPE)
    sessions = _find_sessions(clicks)
    number = (pl.col("clicks").cum_sum() - 1) // clicks_at_once
    slices = sessions.with_columns(number.alias("slice")).partition_by(
        "slice", maintain_order=True, include_key=False
    )

    def frames() -> Iterator[pl.DataFrame]:
        for part in slices:
            found = (
                clicks.join(part.lazy(), on=SESSION, maintain_order="left")
                .sort(START, SESSION, TIME, maintain_order=True)
                .select(CLICKS.names())
                .collect(engine="streaming")
            )
            if found.height != part["clicks"].sum():
                raise RuntimeError("the events changed while they were sorted")
            yield found

    return _scan(frames, CLICKS)


def count_events(log: RawLog, events: pl.LazyFrame) -> dict[str, Any]:
    """Return what was read from each file: sessions, events, events of each type."""
    counts = events.group_by(TEST_FILE, TYPE).len().collect(engine="streaming")
    sessions = dict(
        events.group_by(TEST_FILE)
        .agg(pl.col(SESSION).n_unique())
        .collect(engine="streaming")
        .iter_rows()
    )
    report: dict[str, Any] = {}
    for role, path, is_test in (("train", log.train, False), ("test", log.test, True)):
        if path is not None:
            found = counts.filter(pl.col(TEST_FILE) == is_test)
            report[role] = {
                "file": str(path),
                "sessions": sessions[is_test],
                "events": found["len"].sum(),
                **dict.fromkeys(EVENT_TYPES.categories, 0),
                **dict(found.select(TYPE, "len").iter_rows()),
            }
    return report


def _find_sessions(clicks: pl.LazyFrame) -> pl.DataFrame:
    """Return session, start and number of clicks, in the order of the clicks table."""
    sessions = (
        clicks.group_by(SESSION)
        .agg(
            pl.col(TIME).min().alias(START),
            pl.len().cast(pl.Int64).alias("clicks"),
            (pl.col(TEST_FILE).min() != pl.col(TEST_FILE).max()).alias("in_both"),
        )
        .sort(START, SESSION)
        .collect(engine="streaming")
    )
    if sessions.is_empty():
        raise UserError("The raw log has no clicks; its events are of other types")
    both = sessions.filter("in_both")[SESSION]
    if len(both):
        raise UserError(
            f"{len(both):,} sessions are in the training file and in the test file, "
            f"such as {both[0]}; keep each in one file, or leave the test file out"
        )
    return sessions.drop("in_both")


def _scan(
    frames: Callable[[], Iterator[pl.DataFrame]], schema: pl.Schema
) -> pl.LazyFrame:
    """Return a table that draws its frames whenever a query runs."""

    def source(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        limit: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        for frame in frames():
            part = frame if columns is None else frame.select(columns)
            if predicate is not None:
                part = part.filter(predicate)
            if limit is not None:
                part = part.head(limit)
                limit -= part.height
            yield part
            if limit == 0:
                return

    return register_io_source(source, schema=schema)
