"""Raw log to a table of events: every line read and counted, none passed over.

Sessions may lie scattered over the files. They are dealt into buckets, and each block
of the table is in the order of its buckets, and then of the files: a later stage finds
all events of a session without reading all of the table.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from tronrec.data.clicks import scan_frames
from tronrec.data.events import (
    EVENT_TIME,
    EVENT_TYPES,
    TYPE,
    id_type,
    session_type,
)
from tronrec.data.reading.bad_lines import BadLine, read_file
from tronrec.data.reading.blocks import BLOCK_BYTES
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.errors import UserError
from tronrec.params import Columns, IngestionParams
from tronrec.schemas import ITEM, SESSION, TEST_FILE, TIME

BUCKET = "bucket"
BUCKETS = 1024

BAD_LINE = "bad_line"
BAD_LINES = pl.Schema(
    {"file": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.String}
)

EVENT = "event"
"""The number of an event in the log, in the order of its files, from 0."""


def event_schema(columns: Columns) -> pl.Schema:
    """Return the table of a raw log: events, and bad lines, which have no type.

    Ids are as the log has them.
    """
    return pl.Schema(
        {
            SESSION: session_type(columns),
            ITEM: id_type(columns.item_type),
            TIME: EVENT_TIME,
            TEST_FILE: pl.Boolean(),
            TYPE: EVENT_TYPES,
            EVENT: pl.Int64(),
            BUCKET: pl.UInt16(),
            BAD_LINE: pl.Struct(BAD_LINES),
        }
    )


def scan_events(
    log: RawLog, params: IngestionParams, block_bytes: int = BLOCK_BYTES
) -> pl.LazyFrame:
    """Return what the raw files hold, read block by block when it is asked for.

    Raises:
        UserError: Visitors have no sessions, and no gap cuts their clicks into some.

    Reading raises:
        UserError: A line is bad and `on_bad_rows` is to fail, more lines are bad than
            may be, or a file has no events.
    """
    if log.columns.session is None and params.session_gap is None:
        raise UserError(
            f"The log has visitors ({log.columns.visitor}) and no sessions; set "
            "ingestion.session_gap, such as 30m, to cut their clicks into sessions"
        )
    schema = event_schema(log.columns)

    def frames(_columns: list[str]) -> Iterator[pl.DataFrame]:
        waiting: list[pl.DataFrame] = []
        for part in _read_log(log, params, block_bytes):
            waiting.append(_complete(part, schema))
            if sum(frame.height for frame in waiting) >= params.clicks_at_once:
                yield _sort_buckets(waiting)
                waiting = []
        if waiting:
            yield _sort_buckets(waiting)

    return scan_frames(frames, schema)


def find_bad_lines(events: pl.LazyFrame) -> pl.LazyFrame:
    """Return file, number, reason and text of each bad line; they have no type."""
    without_type = events.select(pl.col(TYPE).null_count())
    if not without_type.collect(engine="streaming").item():
        return pl.LazyFrame(schema=BAD_LINES)  # text is slow to look through
    return events.filter(pl.col(TYPE).is_null()).select(
        pl.col(BAD_LINE).struct.unnest()
    )


def count_events(log: RawLog, events: pl.LazyFrame) -> dict[str, Any]:
    """Return what was read of each part: files, bad lines, events of each type."""
    counts = events.group_by(TEST_FILE, TYPE).len().collect(engine="streaming")
    report: dict[str, Any] = {}
    for role, files in (("train", log.train), ("test", log.test)):
        if files:
            is_part = pl.col(TEST_FILE) == (role == "test")
            of_part = counts.filter(is_part)
            of_type = dict(of_part.drop_nulls().select(TYPE, "len").iter_rows())
            report[role] = {
                "files": [str(file) for file in files],
                "bad_lines": of_part["len"].sum() - sum(of_type.values()),
                "events": sum(of_type.values()),
                **dict.fromkeys(EVENT_TYPES.categories, 0),
                **of_type,
            }
    return report


def _read_log(
    log: RawLog, params: IngestionParams, block_bytes: int
) -> Iterator[pl.DataFrame]:
    """Yield the events of all files, and bad lines if they may be."""
    bad = first = 0
    for role, files in (("train", log.train), ("test", log.test)):
        in_test = pl.lit(role == "test").alias(TEST_FILE)
        begin = first
        for file in files:
            for part in read_file(log, file, block_bytes):
                _check_allowed(part.bad_lines, bad, log, params)
                bad += len(part.bad_lines)
                if count := part.events.height:
                    numbers = pl.int_range(first, first + count).alias(EVENT)
                    yield part.events.with_columns(in_test, numbers)
                    first += count
                if part.bad_lines:
                    yield _as_rows(part.bad_lines).with_columns(in_test)
        if files and first == begin:
            raise UserError(
                f"{files[0]}: no events in {_count_files(files)}; fetch or write them "
                "again" + (f" ({bad:,} bad lines were set aside)" if bad else "")
            )


def _count_files(files: Sequence[RawFile]) -> str:
    return "the file" if len(files) == 1 else f"{len(files)} files"


def _check_allowed(
    lines: list[BadLine], before: int, log: RawLog, params: IngestionParams
) -> None:
    """Stop the run at a line that may not be bad, after `before` of them."""
    allowed = 0 if params.on_bad_rows == "fail" else params.max_bad_rows - before
    if len(lines) <= allowed:
        return
    what = f"{lines[allowed]}; expected {log.format.expected(log.columns)}"
    if params.on_bad_rows == "fail":
        raise UserError(
            f"{what}. Correct or delete the line, or set ingestion.on_bad_rows to "
            "quarantine."
        )
    raise UserError(
        f"More than {params.max_bad_rows:,} bad lines (ingestion.max_bad_rows), the "
        f"last one {what}. If all are alike, the format or the columns of raw_log are "
        "others; else raise the limit."
    )


def _as_rows(lines: list[BadLine]) -> pl.DataFrame:
    rows = [line._asdict() for line in lines]
    return pl.DataFrame({BAD_LINE: rows}, {BAD_LINE: pl.Struct(BAD_LINES)})


def _complete(part: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return events or bad lines with all columns."""
    missing = [
        pl.lit(None, kind).alias(name)
        for name, kind in schema.items()
        if name not in (*part.columns, BUCKET)
    ]
    bucket = (pl.col(SESSION).hash() % BUCKETS).cast(schema[BUCKET]).alias(BUCKET)
    return part.with_columns(missing).with_columns(bucket).select(schema.names())


def _sort_buckets(frames: list[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat(frames)
    if whole[TYPE].null_count():
        return whole.sort(BUCKET, maintain_order=True)
    # Text is slow to move, even where there is none.
    events = whole.drop(BAD_LINE).sort(BUCKET, maintain_order=True)
    return events.with_columns(pl.lit(None, whole.schema[BAD_LINE]).alias(BAD_LINE))
