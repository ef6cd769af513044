"""The nodes of ingestion."""

from typing import Any

import polars as pl

from tronrec.data import account
from tronrec.data.reading import grouping, ingest, sorting
from tronrec.data.reading.log import RawLog
from tronrec.params import IngestionParams


def read_events(raw_log: RawLog, params: IngestionParams) -> pl.LazyFrame:
    """Return all events; they are read while they are saved."""
    return ingest.scan_events(raw_log, params)


def find_bad_lines(events: pl.LazyFrame) -> pl.LazyFrame:
    """Return the lines that hold no event."""
    return ingest.find_bad_lines(events)


def list_item_ids(events: pl.LazyFrame) -> pl.DataFrame:
    """Return the text ids of items; whole numbers need no list."""
    return grouping.list_item_ids(events)


def group_sessions(
    events: pl.LazyFrame, item_ids: pl.DataFrame, params: IngestionParams
) -> pl.LazyFrame:
    """Return the clicks in runs of whole sessions."""
    return grouping.group_sessions(events, item_ids, params)


def account_for_events(
    raw_log: RawLog,
    events: pl.LazyFrame,
    grouped: pl.LazyFrame,
    params: IngestionParams,
) -> dict[str, Any]:
    """Return what was read from each part, and what of it are clicks."""
    counts = ingest.count_events(raw_log, events)
    return account.account_for_events(counts, grouping.count_faults(grouped), params)


def sort_clicks(grouped: pl.LazyFrame, params: IngestionParams) -> pl.LazyFrame:
    """Return the clicks by session start, session, time."""
    return sorting.sort_clicks(grouped, params)
