"""Diginetica (CIKM Cup 2016): a table with semicolons, a day and milliseconds of it."""

from collections.abc import Sequence
from typing import BinaryIO

import polars as pl

from tronrec.data.events import RefusedError, only_clicks, shorten
from tronrec.data.formats.lines import ISO_DATE, read_plain_csv
from tronrec.data.formats.raw_format import LineReader, Parse, RawFormat
from tronrec.params import Columns
from tronrec.schemas import CLICKS, ITEM, SESSION, TIME

HEADER = "session_id;user_id;item_id;timeframe;eventdate"
"""Also the form of a line; `sessionId;userId;...` is the same header."""


def begin(header: bytes, _columns: Columns) -> tuple[Parse, bool]:
    """Return how the lines below the header are parsed.

    Raises:
        RefusedError: It is another header.
    """
    if header.strip().lower().replace(b"_", b"") != HEADER.replace("_", "").encode():
        raise RefusedError(f"wrong header {shorten(header)!r}; expected {HEADER}")
    return parse, True


def parse(lines: bytes) -> pl.DataFrame:
    """Return the views; each is at its day's `timeframe`, in milliseconds.

    Raises:
        RefusedError, PolarsError: A line does not hold the five fields.
    """
    table = read_plain_csv(
        lines,
        ";",
        {
            SESSION: pl.Int64,
            "user_id": pl.String,
            ITEM: pl.Int64,
            "timeframe": pl.Int64,
            "eventdate": pl.String,
        },
    )
    text = pl.col("eventdate")
    day = pl.when(text.str.contains(ISO_DATE)).then(
        text.str.to_date("%Y-%m-%d", strict=False)
    )
    time = day.cast(CLICKS[TIME]) + pl.duration(
        milliseconds="timeframe", time_unit="ms"
    )
    return table.select(SESSION, ITEM, time.alias(TIME), only_clicks())


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
