"""How each publisher writes events: lines in, a table of events out.

Polars parses. It passes over some faults in silence - a missing field, a blank line, a
day without its last digit - and these are refused here.
"""

from collections.abc import Callable

import polars as pl

from tronrec.data.blocks import count_lines
from tronrec.data.events import RefusedError, only_clicks
from tronrec.data.otto import parse_otto
from tronrec.data.raw import Format
from tronrec.schemas import CLICKS, ITEM, SESSION, TIME

ISO_DATE = r"^\d{4}-\d\d-\d\d$"
ISO_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(\.\d+)?Z$"
"""Polars alone would read a torn 2016-05-1 as well; decimals past the third are cut."""

EXPECTED: dict[Format, str] = {
    "diginetica": "session_id;user_id;item_id;timeframe;eventdate",
    "yoochoose": "session,YYYY-MM-DDThh:mm:ss.mmmZ,item,category",
    "otto": '{"session": 0, "events": [{"aid": 0, "ts": 1659304800000, '
    '"type": "clicks"}]}, type clicks, carts or orders',
}
"""The form of a line, for messages; Diginetica's is its header too."""


def parse_yoochoose(lines: bytes) -> pl.DataFrame:
    """Return the events of a table with commas."""
    table = _read_table(
        lines,
        ",",
        {SESSION: pl.Int64, TIME: pl.String, ITEM: pl.Int64, "category": pl.String},
    )
    if table["category"].str.len_bytes().min() == 0:
        # A line that broke off inside its item number would pass for another item.
        raise RefusedError("the category must be given")
    return table.select(SESSION, ITEM, parse_iso(pl.col(TIME)), only_clicks())


def parse_diginetica(lines: bytes) -> pl.DataFrame:
    """Return the events of a table with semicolons, its header taken off."""
    table = _read_table(
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


PARSERS: dict[Format, Callable[[bytes], pl.DataFrame]] = {
    "diginetica": parse_diginetica,
    "yoochoose": parse_yoochoose,
    "otto": parse_otto,
}


def _read_table(
    lines: bytes, separator: str, schema: dict[str, type[pl.DataType]]
) -> pl.DataFrame:
    table = pl.read_csv(
        lines,
        separator=separator,
        schema=schema,
        has_header=False,
        quote_char=None,
        empty_string_is_null=False,
    )
    if table.height != count_lines(lines):
        raise RefusedError("every line must hold one event")
    return table


def parse_iso(text: pl.Expr) -> pl.Expr:
    """Return the moment of a text such as 2022-08-01T12:00:00.000Z; null if invalid."""
    time = pl.when(text.str.contains(ISO_TIME)).then(
        text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", strict=False)
    )
    return time.dt.replace_time_zone("UTC").alias(TIME)
