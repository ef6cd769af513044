"""The nodes of ingestion."""

from typing import Any

import polars as pl

from tronrec.data import account
from tronrec.data.reading import ingest, sorting
from tronrec.data.reading.log import RawLog
from tronrec.params import IngestionParams


def read_events(raw_log: RawLog, params: IngestionParams) -> pl.LazyFrame:
    """Return all events; they are read while they are saved."""
    return ingest.scan_events(raw_log, params)


def find_bad_lines(events: pl.LazyFrame) -> pl.LazyFrame:
    """Return the lines that hold no event."""
    return ingest.find_bad_lines(events)


def group_sessions(events: pl.LazyFrame, params: IngestionParams) -> pl.LazyFrame:
    """Return the clicks in runs of whole sessions."""
    return sorting.group_sessions(events, params)


def account_for_events(
    raw_log: RawLog,
    events: pl.LazyFrame,
    grouped: pl.LazyFrame,
    params: IngestionParams,
) -> dict[str, Any]:
    """Return what was read from each part, and what of it are clicks."""
    counts = ingest.count_events(raw_log, events)
    return account.account_for_events(counts, sorting.count_faults(grouped), params)


def sort_clicks(grouped: pl.LazyFrame, params: IngestionParams) -> pl.LazyFrame:
    """Return the clicks by session start, session, time."""
    return sorting.sort_clicks(grouped, params)
