"""Any shop's own log: a table whose columns have names of its own, one event a row.

It is a CSV file with a header, a file of flat JSON objects, or a Parquet file.
"""

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

import polars as pl
from pyarrow import parquet

from tronrec.data.events import (
    CLICK,
    EVENT_TIME,
    EVENT_TYPES,
    OTHER,
    TYPE,
    RefusedError,
    only_clicks,
)
from tronrec.data.formats.lines import (
    Schema,
    count_lines,
    find_json_fault,
    find_quoted_fault,
    read_quoted_csv,
)
from tronrec.data.formats.raw_format import (
    LineParser,
    LineReader,
    RawFormat,
    TableReader,
)
from tronrec.data.formats.times import parse_epoch, parse_iso
from tronrec.errors import UserError
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TIME

ROWS_AT_ONCE = 1 << 18
"""Rows of a Parquet file that are read at a time."""


def expected_values(columns: Columns) -> str:
    """Return what the columns should hold, for messages."""
    return (
        f"whole numbers in {columns.session} and {columns.item}, and in "
        f"{columns.time} a time ({columns.time_unit})"
    )


def begin_csv(header: bytes, columns: Columns) -> tuple[LineParser, bool]:
    """Return how the lines below a header are parsed.

    Raises:
        RefusedError: The header cannot be read, lacks a column, or has one twice.
    """
    text = header.decode("utf-8-sig", "replace").strip("\r\n")
    try:
        names = next(csv.reader([text], delimiter=columns.separator), [])
    except csv.Error as error:
        raise RefusedError(f"the header cannot be read ({error})") from None
    _check_names(names, columns)
    if len({*names}) < len(names):
        raise RefusedError(f"a column is there twice among {_listed(names)}")
    find_fault = partial(find_quoted_fault, columns.separator, len(names))
    return LineParser(partial(_parse_csv, names, columns), find_fault), True


def _parse_csv(names: list[str], columns: Columns, lines: bytes) -> pl.DataFrame:
    schema: Schema = dict.fromkeys(names, pl.String) | _value_types(columns)
    return name_columns(read_quoted_csv(lines, columns.separator, schema), columns)


def begin_jsonl(_first: bytes, columns: Columns) -> tuple[LineParser, bool]:
    """Return how lines are parsed; none is a header."""
    return LineParser(partial(_parse_jsonl, columns), find_json_fault), False


def _parse_jsonl(columns: Columns, lines: bytes) -> pl.DataFrame:
    """Return the events of flat JSON objects, one a line."""
    table = pl.read_ndjson(lines, schema=_value_types(columns), ignore_errors=True)
    if table.height != count_lines(lines):
        raise RefusedError("a line is blank")
    return name_columns(table, columns)


def _value_types(columns: Columns) -> Schema:
    """Return the columns of a log of text, and as what their values are read."""
    is_text = columns.time_unit == "iso"
    types: Schema = {
        columns.session: pl.Int64,
        columns.item: pl.Int64,
        columns.time: pl.String if is_text else pl.Int64,
    }
    return types | ({columns.type: pl.String} if columns.type else {})


def read_parquet(file: BinaryIO, columns: Columns) -> Iterator[pl.DataFrame]:
    """Yield the rows of a Parquet file, some at a time.

    Raises:
        ArrowException, OSError: The file is damaged, or no Parquet file.
    """
    batches = parquet.ParquetFile(file).iter_batches(
        ROWS_AT_ONCE, columns=columns.needed
    )
    for batch in batches:
        yield pl.DataFrame(batch)


def name_columns(table: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """Return the events of a table; what cannot be read becomes null.

    Raises:
        RefusedError: The table lacks a column.
    """
    _check_names(table.columns, columns)
    type_ = only_clicks()
    if columns.type:
        name = pl.col(columns.type).cast(pl.String)
        is_click = pl.when(name == columns.click).then(pl.lit(CLICK))
        known = pl.when(name != "").then(is_click.otherwise(pl.lit(OTHER)))
        type_ = known.cast(EVENT_TYPES).alias(TYPE)
    return table.select(
        _whole_number(columns.session, table).alias(SESSION),
        _whole_number(columns.item, table).alias(ITEM),
        _time(columns, table).alias(TIME),
        type_,
    )


def _check_names(names: list[str], columns: Columns) -> None:
    if missing := [name for name in columns.needed if name not in names]:
        raise RefusedError(
            f"no column {', '.join(missing)} among {_listed(names)}; name the "
            "columns under raw_log in the catalog"
        )


def _listed(names: list[str]) -> str:
    """Return the names; those of a file that is no table may be long."""
    return ", ".join(names)[:200]


def _whole_number(name: str, table: pl.DataFrame) -> pl.Expr:
    """Return a column as whole numbers; a fraction is none."""
    kind = table.schema[name]
    if kind.is_integer() or kind == pl.String:
        return pl.col(name).cast(pl.Int64, strict=False)
    return pl.lit(None, pl.Int64)


def _time(columns: Columns, table: pl.DataFrame) -> pl.Expr:
    kind, value = table.schema[columns.time], pl.col(columns.time)
    if isinstance(kind, pl.Datetime):
        aware = value if kind.time_zone else value.dt.replace_time_zone("UTC")
        unit = kind.time_unit
        return parse_epoch(aware.dt.convert_time_zone("UTC").to_physical(), unit)
    if columns.time_unit == "iso":
        if kind != pl.String:
            return pl.lit(None, EVENT_TIME)
        # A space for the T, and no Z: as databases write it.
        text = value.str.replace(" ", "T", literal=True).str.strip_suffix("Z") + "Z"
        return parse_iso(text)
    return parse_epoch(_whole_number(columns.time, table), columns.time_unit)


def _unparse(clicks: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """Return a row an event, with the columns that the log is said to have."""
    time = pl.col(TIME)
    match columns.time_unit:
        case "iso":
            time = time.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        case "s" | "ms" | "us":
            time = time.dt.epoch(columns.time_unit)
    return clicks.select(
        pl.col(SESSION).alias(columns.session),
        pl.col(ITEM).alias(columns.item),
        time.alias(columns.time),
        *([pl.lit(columns.click).alias(columns.type)] if columns.type else []),
    )


def _write_csv(
    clicks: pl.DataFrame, files: Sequence[BinaryIO], columns: Columns
) -> None:
    (file,) = files
    _unparse(clicks, columns).write_csv(
        file, separator=columns.separator, include_header=file.tell() == 0
    )


def _write_jsonl(
    clicks: pl.DataFrame, files: Sequence[BinaryIO], columns: Columns
) -> None:
    _unparse(clicks, columns).write_ndjson(files[0])


def _write_parquet(
    _clicks: pl.DataFrame, _files: Sequence[BinaryIO], _columns: Columns
) -> None:
    raise UserError(
        "Simulated clicks are not written as Parquet; set the format of raw_log to csv "
        "or jsonl"
    )


CSV = RawFormat(
    name="csv",
    files={"train": "events.csv", "test": "test-events.csv"},
    expected=expected_values,
    reader=LineReader(begin_csv, last_line_must_end=True),
    write=_write_csv,
)

JSONL = RawFormat(
    name="jsonl",
    files={"train": "events.jsonl", "test": "test-events.jsonl"},
    expected=expected_values,
    reader=LineReader(begin_jsonl),
    write=_write_jsonl,
)

PARQUET = RawFormat(
    name="parquet",
    files={"train": "events.parquet", "test": "test-events.parquet"},
    expected=expected_values,
    reader=TableReader(read_parquet, name_columns),
    write=_write_parquet,
)
