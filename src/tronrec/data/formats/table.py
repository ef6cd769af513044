"""Any shop's own log: a table whose columns have names of its own, one event a row.

It is a CSV file, a file of flat JSON objects, or a Parquet file.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

import polars as pl
from pyarrow import parquet

from tronrec.data.events import RefusedError, id_type
from tronrec.data.formats.lines import (
    Schema,
    count_lines,
    find_json_fault,
    find_plain_fault,
    find_quoted_fault,
    read_plain_csv,
    read_quoted_csv,
)
from tronrec.data.formats.raw_format import (
    LineParser,
    LineReader,
    RawFormat,
    TableReader,
)
from tronrec.data.formats.values import UNIT_SEPARATOR, parse_table
from tronrec.errors import UserError
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TIME

ROWS_AT_ONCE = 1 << 18
"""Rows of a Parquet file that are read at a time."""


def expected_values(columns: Columns) -> str:
    """Return what the columns should hold, for messages."""
    kinds = {"integer": "whole numbers", "text": "text"}
    hints = {"integer": "; text takes any id", "text": ""}
    key = " and ".join(name for name in (columns.visitor, columns.session) if name)
    is_text = columns.time_unit == "iso"
    time = "ISO 8601; s, ms, us or ns for numbers" if is_text else columns.time_unit
    return (
        f"{kinds[columns.session_type]} in {key} (session_type"
        f"{hints[columns.session_type]}), {kinds[columns.item_type]} in "
        f"{columns.item} (item_type{hints[columns.item_type]}) and a time in "
        f"{columns.time} (time_unit {time}), as columns of raw_log says in the catalog"
    )


def begin_csv(first: bytes, columns: Columns) -> tuple[LineParser, bool]:
    """Return how the lines of a file are parsed, by its first one.

    Raises:
        RefusedError: The header cannot be read, lacks a column, or has one twice.
    """
    separator = columns.separator if len(columns.separator) == 1 else UNIT_SEPARATOR
    text = first.decode("utf-8-sig", "replace").strip("\r\n")
    if "\r" in text:
        raise RefusedError(
            "lines end in a carriage return alone; write them with a line feed (\\n)"
        )
    text = text.replace(columns.separator, separator)
    has_quotes = columns.quotes and len(columns.separator) == 1
    names = text.split(separator)
    try:
        if has_quotes:
            names = next(csv.reader([text], delimiter=separator), [])
    except csv.Error as error:
        raise RefusedError(f"the header cannot be read ({error})") from None
    if not columns.header:
        names = [str(number) for number in range(1, len(names) + 1)]
    _check_names(names, columns)
    if len({*names}) < len(names):
        raise RefusedError(f"a column is there twice among {_listed(names)}")
    read = read_quoted_csv if has_quotes else read_plain_csv
    find_fault = find_quoted_fault if has_quotes else find_plain_fault
    schema = dict.fromkeys(names, pl.String()) | _value_types(columns)
    with_one = partial(_replace_separator, columns.separator, separator)
    return LineParser(
        lambda lines: parse_table(read(with_one(lines), separator, schema), columns),
        lambda line: find_fault(separator, len(names), with_one(line)),
    ), columns.header


def _replace_separator(separator: str, by: str, lines: bytes) -> bytes:
    if separator == by:
        return lines
    return lines.replace(separator.encode(), by.encode())


def begin_jsonl(_first: bytes, columns: Columns) -> tuple[LineParser, bool]:
    """Return how lines are parsed; none is a header."""
    return LineParser(partial(_parse_jsonl, columns), find_json_fault), False


def _parse_jsonl(columns: Columns, lines: bytes) -> pl.DataFrame:
    table = pl.read_ndjson(lines, schema=_value_types(columns), ignore_errors=True)
    if table.height != count_lines(lines):
        raise RefusedError("a line is blank")
    return parse_table(_without_nested(table, lines), columns)


def _without_nested(table: pl.DataFrame, lines: bytes) -> pl.DataFrame:
    """Return the values with null for lists and objects, which were read as text."""
    rows = lines.split(b"\n")
    for name, kind in table.schema.items():
        if kind != pl.String:
            continue
        suspects = table[name].str.contains(r"^[\[{]").arg_true()
        if nested := [row for row in suspects if _is_nested(rows[row], name)]:
            table = table.with_columns(table[name].scatter(nested, None))
    return table


def _is_nested(line: bytes, name: str) -> bool:
    """Return whether a value is a list or an object, or may be one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return True
    return not isinstance(value, dict) or isinstance(value.get(name), list | dict)


def _value_types(columns: Columns) -> Schema:
    """Return the columns of a log of text, and as what their values are read."""
    types: Schema = dict.fromkeys(columns.needed, pl.String())
    if columns.session_type == "integer" and not (columns.session and columns.visitor):
        types[columns.session or columns.visitor or ""] = pl.Int64()
    return types | {columns.item: id_type(columns.item_type)}


def read_parquet(file: BinaryIO, columns: Columns) -> Iterator[pl.DataFrame]:
    """Yield the rows of a Parquet file, some at a time.

    Raises:
        RefusedError: It lacks a column, or has one twice.
        ArrowException, OSError: The file is damaged, or no Parquet file.
    """
    table = parquet.ParquetFile(file)
    _check_names(table.schema_arrow.names, columns)
    for batch in table.iter_batches(ROWS_AT_ONCE, columns=columns.needed):
        yield pl.DataFrame(batch)


def _check_names(names: list[str], columns: Columns) -> None:
    if missing := [name for name in columns.needed if name not in names]:
        raise RefusedError(
            f"no column {', '.join(missing)} among {_listed(names)}; name the columns "
            f"{'' if names[1:] else 'and their separator '}under raw_log in the catalog"
        )
    if any(names.count(name) > 1 for name in columns.needed):
        raise RefusedError(f"a column is there twice among {_listed(names)}")


def _listed(names: list[str]) -> str:
    """Return the names; those of a file that is no table may be long, or none."""
    return ", ".join(names)[:200] or "those of a blank line"


def _unparse(clicks: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """Return a row an event, with the columns that the log is said to have."""
    time = pl.col(TIME)
    match columns.time_unit:
        case "iso":
            time = time.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        case "s" | "ms" | "us" | "ns":
            time = time.dt.epoch(columns.time_unit)
    optional = {
        columns.visitor: pl.col(SESSION).cast(id_type(columns.session_type)),
        columns.session: pl.col(SESSION).cast(id_type(columns.session_type)),
        columns.type: pl.lit(columns.click[0]),
    }
    return clicks.select(
        *(value.alias(name) for name, value in optional.items() if name),
        pl.col(ITEM).cast(id_type(columns.item_type)).alias(columns.item),
        time.alias(columns.time),
    )


def _write_csv(
    clicks: pl.DataFrame, files: Sequence[BinaryIO], columns: Columns
) -> None:
    (file,) = files
    if not columns.header or len(columns.separator) > 1:
        raise UserError(
            "Simulated clicks are written with a header and one character between "
            "columns; set header to true and separator to a comma"
        )
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
    reader=LineReader(begin_csv),
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
    reader=TableReader(read_parquet, parse_table),
    write=_write_parquet,
)
