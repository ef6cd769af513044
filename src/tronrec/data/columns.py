"""Any shop's own log: a table whose columns have names of its own, one event a row."""

import csv
from collections.abc import Callable
from functools import partial

import polars as pl

from tronrec.data.blocks import count_lines
from tronrec.data.events import (
    CLICK,
    EVENT_TYPES,
    OTHER,
    TYPE,
    RefusedError,
    only_clicks,
)
from tronrec.data.formats import parse_iso
from tronrec.data.raw import Columns
from tronrec.schemas import CLICKS, ITEM, SESSION, TIME


def csv_parser(header: bytes, columns: Columns) -> Callable[[bytes], pl.DataFrame]:
    """Return what parses the lines below a header.

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
    return partial(_parse_csv, names, columns)


def _parse_csv(names: list[str], columns: Columns, lines: bytes) -> pl.DataFrame:
    table = pl.read_csv(
        lines,
        separator=columns.separator,
        schema=dict.fromkeys(names, pl.String),
        has_header=False,
    )
    if table.height != count_lines(lines):
        raise RefusedError("every line must hold one event")
    return name_columns(table, columns)


def parse_jsonl(columns: Columns, lines: bytes) -> pl.DataFrame:
    """Return the events of flat JSON objects, one a line."""
    is_text = columns.time_unit == "iso"
    schema: dict[str, type[pl.DataType]] = {
        columns.session: pl.Int64,
        columns.item: pl.Int64,
        columns.time: pl.String if is_text else pl.Int64,
    }
    if columns.type:
        schema[columns.type] = pl.String
    table = pl.read_ndjson(lines, schema=schema)
    if table.height != count_lines(lines):
        raise RefusedError("the line must not be blank")
    return name_columns(table, columns)


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
        known = pl.when(name.is_not_null()).then(is_click.otherwise(pl.lit(OTHER)))
        type_ = known.cast(EVENT_TYPES).alias(TYPE)
    return table.select(
        _whole(columns.session, table).alias(SESSION),
        _whole(columns.item, table).alias(ITEM),
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


def _whole(name: str, table: pl.DataFrame) -> pl.Expr:
    """Return a column as whole numbers; a fraction is none."""
    kind = table.schema[name]
    if kind.is_integer() or kind == pl.String:
        return pl.col(name).cast(pl.Int64, strict=False)
    return pl.lit(None, pl.Int64)


def _time(columns: Columns, table: pl.DataFrame) -> pl.Expr:
    kind, value = table.schema[columns.time], pl.col(columns.time)
    if isinstance(kind, pl.Datetime):
        aware = value if kind.time_zone else value.dt.replace_time_zone("UTC")
        return aware.cast(CLICKS[TIME])
    if columns.time_unit == "iso":
        if kind != pl.String:
            return pl.lit(None, CLICKS[TIME])
        # A space for the T, and no Z: as databases write it.
        text = value.str.replace(" ", "T", literal=True).str.strip_suffix("Z") + "Z"
        return parse_iso(text)
    count = _whole(columns.time, table)
    scaled = count * 1000 if columns.time_unit == "s" else count
    if columns.time_unit == "us":
        scaled = count // 1000
    return scaled.cast(CLICKS[TIME])
