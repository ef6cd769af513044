"""Diginetica (CIKM Cup 2016): a table with semicolons, a day and milliseconds of it."""

from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

import polars as pl

from tronrec.data.events import (
    EVENT_TIME,
    RefusedError,
    from_zero,
    only_clicks,
    shorten,
)
from tronrec.data.formats.lines import find_plain_fault, read_plain_csv
from tronrec.data.formats.raw_format import LineParser, LineReader, RawFormat
from tronrec.data.formats.times import ISO_DATE
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TIME

HEADER = "session_id;user_id;item_id;timeframe;eventdate"
"""Also the form of a line; `sessionId;userId;...` is the same header."""

CENTURY = 36_525 * 86_400_000
"""In milliseconds."""


def begin(header: bytes, _columns: Columns) -> tuple[LineParser, bool]:
    """Return how the lines below the header are parsed.

    Raises:
        RefusedError: It is another header.
    """
    if header.strip().lower().replace(b"_", b"") != HEADER.replace("_", "").encode():
        raise RefusedError(f"wrong header {shorten(header)!r}; expected {HEADER}")
    return PARSER, True


def parse(lines: bytes) -> pl.DataFrame:
    """Return the views; each is at its day's `timeframe`, in milliseconds."""
    table = read_plain_csv(
        lines,
        ";",
        {
            SESSION: pl.Int64(),
            "user_id": pl.String(),
            ITEM: pl.Int64(),
            "timeframe": pl.Int64(),
            "eventdate": pl.String(),
        },
    )
    text = pl.col("eventdate")
    day = pl.when(text.str.contains(ISO_DATE)).then(
        text.str.to_date("%Y-%m-%d", strict=False)
    )
    frame = pl.when(pl.col("timeframe").abs() < CENTURY).then("timeframe")
    time = day.cast(EVENT_TIME) + pl.duration(milliseconds=frame, time_unit="ns")
    return table.select(
        from_zero(SESSION), from_zero(ITEM), time.alias(TIME), only_clicks()
    )


PARSER = LineParser(parse, partial(find_plain_fault, ";", HEADER.count(";") + 1))


def write(clicks: pl.DataFrame, files: Sequence[BinaryIO], _columns: Columns) -> None:
    """Write each event's own day; its timeframe is the milliseconds since 00:00."""
    (file,) = files
    clicks.select(
        SESSION,
        pl.lit("NA").alias("user_id"),
        ITEM,
        (pl.col(TIME) - pl.col(TIME).dt.truncate("1d"))
        .dt.total_milliseconds()
        .alias("timeframe"),
        pl.col(TIME).dt.date().alias("eventdate"),
    ).write_csv(file, separator=";", include_header=file.tell() == 0)


DIGINETICA = RawFormat(
    name="diginetica",
    files={"train": "train-item-views.csv"},
    source="https://competitions.codalab.org/competitions/11161",
    expected=lambda _columns: HEADER,
    reader=LineReader(begin),
    write=write,
)
