"""The nodes of ingestion."""

from typing import Any

import polars as pl

from tronrec.data import ingest
from tronrec.data.raw import RawLog


def read_events(raw_log: RawLog) -> pl.LazyFrame:
    """Return all events; they are read while they are saved."""
    return ingest.scan_events(raw_log)


def count_events(raw_log: RawLog, events: pl.LazyFrame) -> dict[str, Any]:
    """Return what was read from each file."""
    return ingest.count_events(raw_log, events)


def sort_clicks(events: pl.LazyFrame) -> pl.LazyFrame:
    """Return the clicks by session start, session, time."""
    return ingest.sort_clicks(events)
