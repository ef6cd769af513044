"""The columns of a shop's own table as events: ids, times and types of any kind."""

import polars as pl

from tronrec.data.events import (
    CLICK,
    EVENT_TIME,
    EVENT_TYPES,
    LONGEST_ID,
    OTHER,
    TYPE,
    id_type,
)
from tronrec.data.formats.times import parse_epoch, parse_epoch_text, parse_iso
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TIME

UNIT_SEPARATOR = "\x1f"
"""Stands between two parts of one text; in UTF-8 it is part of no other character."""


def parse_table(table: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """Return the events of a table; what cannot be read becomes null."""
    return pl.DataFrame(
        [
            _session(table, columns).alias(SESSION),
            _id(table[columns.item], id_type(columns.item_type)).alias(ITEM),
            _time(table[columns.time], columns).alias(TIME),
            _type(table, columns).alias(TYPE),
        ]
    )


def _session(table: pl.DataFrame, columns: Columns) -> pl.Series:
    """Return what tells sessions apart; a visitor and a session are one text."""
    kind = id_type(columns.session_type)
    parts = [
        _id(table[name], kind) for name in (columns.visitor, columns.session) if name
    ]
    if len(parts) == 1:
        return parts[0]
    visitor, session = (part.cast(pl.String) for part in parts)
    return visitor + UNIT_SEPARATOR + session


def _id(values: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return a column as ids; neither a fraction nor an empty or long text is one."""
    if values.dtype == pl.Binary:
        values = _decode(values)
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        values = values.cast(pl.String)
    if not (values.dtype.is_integer() or values.dtype == pl.String):
        return _nulls(len(values), kind)
    ids = values.cast(kind, strict=False)
    if kind != pl.String:
        return ids
    fits = ids.str.len_bytes().is_between(1, LONGEST_ID)
    return ids if fits.all() else ids.set(~fits, None)


def _decode(values: pl.Series) -> pl.Series:
    """Return bytes as text; those that are no UTF-8 become null."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series([*map(_decode_one, values)], dtype=pl.String)


def _decode_one(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _nulls(count: int, kind: pl.DataType) -> pl.Series:
    return pl.repeat(None, count, dtype=kind, eager=True)


def _time(values: pl.Series, columns: Columns) -> pl.Series:
    kind = values.dtype
    if isinstance(kind, pl.Datetime):
        return _parse_datetime(values, columns.time_zone)
    if kind == pl.Date:
        return parse_iso(values.cast(pl.String), columns.time_zone)
    if columns.time_unit == "iso":
        if kind != pl.String:
            return _nulls(len(values), EVENT_TIME)
        return parse_iso(values, columns.time_zone)
    if kind.is_integer():
        count = values.cast(pl.Int64, strict=False).to_frame()
        return count.select(parse_epoch(pl.first(), columns.time_unit)).to_series()
    if kind.is_float():
        values = values.cast(pl.Decimal(38, 6), strict=False)  # a float has no more
    return parse_epoch_text(values.cast(pl.String), columns.time_unit)


def _parse_datetime(values: pl.Series, time_zone: str) -> pl.Series:
    kind = values.dtype
    assert isinstance(kind, pl.Datetime)
    if kind.time_zone is None:
        values = values.dt.replace_time_zone(
            time_zone, ambiguous="earliest", non_existent="null"
        )
    count = values.dt.convert_time_zone("UTC").to_physical().to_frame()
    return count.select(parse_epoch(pl.first(), kind.time_unit)).to_series()


def _type(table: pl.DataFrame, columns: Columns) -> pl.Series:
    if columns.type is None:
        return pl.repeat(CLICK, table.height, dtype=EVENT_TYPES, eager=True)
    name = pl.col(columns.type).cast(pl.String)
    is_click = pl.when(name.is_in(columns.click)).then(pl.lit(CLICK))
    known = pl.when(name != "").then(is_click.otherwise(pl.lit(OTHER)))
    return table.select(known.cast(EVENT_TYPES)).to_series()
