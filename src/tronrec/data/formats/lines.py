"""Parsing that formats share: lines in, a table with as many rows out.

Polars parses. It passes over some faults in silence - a missing field, a blank line, a
day without its last digit - and these are refused here.
"""

import polars as pl

from tronrec.data.events import RefusedError
from tronrec.schemas import TIME

ISO_DATE = r"^\d{4}-\d\d-\d\d$"
ISO_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(\.\d+)?Z$"
"""Polars alone would read a torn 2016-05-1 as well; decimals past the third are cut."""


def count_lines(data: bytes | bytearray) -> int:
    """Return the number of lines; the last one may lack its line end."""
    return data.count(b"\n") + (data[-1:] not in (b"", b"\n"))


def read_plain_csv(
    lines: bytes, separator: str, schema: dict[str, type[pl.DataType]]
) -> pl.DataFrame:
    """Return a table whose fields are never quoted.

    Raises:
        RefusedError, PolarsError: A line does not hold the fields of `schema`.
    """
    table = pl.read_csv(
        lines,
        separator=separator,
        schema=schema,
        has_header=False,
        quote_char=None,
        empty_string_is_null=False,
    )
    return check_height(table, lines, "every line must hold one event")


def check_height(table: pl.DataFrame, lines: bytes, requirement: str) -> pl.DataFrame:
    """Return the table if it has a row for every line.

    Raises:
        RefusedError: It has not, and `requirement` says what was expected.
    """
    if table.height != count_lines(lines):
        raise RefusedError(requirement)
    return table


def parse_iso(text: pl.Expr) -> pl.Expr:
    """Return the moment of a text such as 2022-08-01T12:00:00.000Z; null if invalid."""
    time = pl.when(text.str.contains(ISO_TIME)).then(
        text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", strict=False)
    )
    return time.dt.replace_time_zone("UTC").alias(TIME)
