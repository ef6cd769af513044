"""The first rows of a file, whatever kind of log it is."""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import fsspec
import polars as pl
import pyarrow as pa
from pyarrow import parquet

from tronrec.data.formats.lines import find_quoted_fault
from tronrec.data.reading.blocks import BYTE_ORDER_MARK
from tronrec.data.reading.log import RawFile
from tronrec.data.reading.parts import find_parts
from tronrec.data.reading.unpacking import read_pieces
from tronrec.errors import UserError

ROWS = 10_000
"""Rows that are looked at, at most."""

TEXT_BYTES = 1 << 21
"""Bytes of a file of lines that are looked at, at most."""

SEPARATORS = ("::", ",", ";", "\t", "|", "^", " ")
"""What may stand between columns; of two that fit alike, the first one."""

ALIKE = 0.99
"""Share of lines that have as many fields as most, where a separator is right."""

VALUE = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}.*")
"""A number or a time, which is no name of a column."""


@dataclass(frozen=True)
class Sample:
    """The first rows of a file, and what they tell of how it is to be read."""

    file: RawFile
    format: str
    """A name in `tronrec.data.formats.FORMATS`."""
    rows: pl.DataFrame
    """The columns that are no nested ones; those of a CSV file are text."""
    layout: dict[str, Any] = field(default_factory=dict)
    """How a CSV file differs from the defaults of `Columns`."""


def open_first(path: str) -> RawFile:
    """Return a file, or the first part of a folder.

    Raises:
        UserError: There is none, or it cannot be read.
    """
    filesystem, inside = fsspec.url_to_fs(path)
    try:
        parts = find_parts(filesystem, inside.rstrip("/"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    if not parts:
        raise UserError(f"{path}: there is no such file; name it with --file")
    return RawFile(parts[0], filesystem)


def read_sample(
    file: RawFile,
    kind: str | None = None,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> Sample:
    """Return the first rows of a file.

    Args:
        file: A CSV file, JSON lines or Parquet, plain or packed.
        kind: `csv`, `jsonl` or `parquet`; None: what it looks like.
        given: What is known of a CSV file: `separator`, `header`, `quotes`.

    Raises:
        UserError: It cannot be read as such.
    """
    with file.open() as opened:
        is_parquet = opened.read(4) == b"PAR1"
    found = "parquet" if is_parquet else "jsonl"
    lines = [] if is_parquet else _read_lines(file)
    if lines and not lines[0].lstrip().startswith("{"):
        found = "csv"
    if kind not in (None, found):
        raise UserError(f"{file}: looks like {found}, not {kind}; try --like={found}")
    match found:
        case "parquet":
            return Sample(file, found, _read_parquet(file))
        case "jsonl":
            return Sample(file, found, _read_json(file, lines))
        case _:
            return _read_csv(file, lines, given)


def _read_lines(file: RawFile) -> list[str]:
    """Return the first lines of a file, without blank ones at its end."""
    data = bytearray()
    for piece in read_pieces(file, 1 << 18):
        data += piece
        if len(data) >= TEXT_BYTES:
            del data[data.rfind(b"\n") + 1 :]
            break
    try:
        text = bytes(data).removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{file}:{line}: not UTF-8; convert the file, as with iconv -t UTF-8"
        ) from error
    lines = [line.rstrip("\r") for line in text.rstrip("\r\n").split("\n")[: ROWS + 1]]
    if lines == [""]:
        raise UserError(f"{file}: no lines; is it the right file?")
    if lines[0].lstrip().startswith("["):
        raise UserError(f"{file}: a JSON array; write one object a line (JSON lines)")
    return lines


def _read_parquet(file: RawFile) -> pl.DataFrame:
    try:
        with file.open() as opened:
            table = parquet.ParquetFile(opened)
            batch = next(table.iter_batches(ROWS), None)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: cannot be read ({error})") from error
    if batch is None:
        raise UserError(f"{file}: no rows; is it the right file?")
    rows = pl.DataFrame(batch)
    nested = [name for name, kind in rows.schema.items() if kind.is_nested()]
    return rows.drop(nested)


def _read_json(file: RawFile, lines: list[str]) -> pl.DataFrame:
    """Return the values that are neither lists nor objects; only whole numbers stay."""
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(
                f"{file}:{number}: no whole JSON object ({error})"
            ) from None
        if not isinstance(record, dict):
            raise UserError(f"{file}:{number}: no JSON object; write one a line")
        records.append(record)
    columns: dict[str, pl.Series] = {}
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        if any(isinstance(value, list | dict) for value in values):
            continue
        if all(type(value) is int for value in values if value is not None):
            columns[name] = pl.Series(values, dtype=pl.Int64, strict=False)
        else:
            texts = [None if value is None else str(value) for value in values]
            columns[name] = pl.Series(texts, dtype=pl.String)
    return pl.DataFrame(columns)


def _read_csv(file: RawFile, lines: list[str], given: Mapping[str, Any]) -> Sample:
    separators = [given["separator"]] if "separator" in given else SEPARATORS
    found = [
        (len(rows[0]), -place, rows, separator, quotes)
        for place, separator in enumerate(separators)
        for quotes in (True, False)
        if (rows := _split(lines, separator, quotes=quotes))
    ]
    if not found:
        raise UserError(
            f"{file}: no column looks separated by {' '.join(map(repr, separators))} "
            f"in lines such as {lines[0][:80]!r}; say what stands between columns, "
            "such as --columns=separator=#"
        )
    _, _, rows, separator, quotes = max(found, key=lambda each: each[:2])
    layout: dict[str, Any] = {}
    if separator != ",":
        layout["separator"] = separator
    if not quotes:
        layout["quotes"] = False
    header, *below = rows
    if str(given.get("header", is_header(header))).lower() == "false":
        header, below = [str(n) for n in range(1, len(header) + 1)], rows
        layout["header"] = False
    if not below:
        raise UserError(f"{file}: a header and no rows; is it the right file?")
    if len({*header}) < len(header):
        raise UserError(f"{file}: a column is there twice among {', '.join(header)}")
    table = pl.DataFrame(below, dict.fromkeys(header, pl.String), orient="row")
    return Sample(file, "csv", table, layout)


def is_header(fields: list[str]) -> bool:
    """Return whether the first fields of a CSV file name its columns."""
    names = {text.strip() for text in fields}
    if len(names) < len(fields) or "" in names:
        return False
    return not any(map(VALUE.fullmatch, names))


def _split(lines: list[str], separator: str, *, quotes: bool) -> list[list[str]]:
    """Return the fields of the lines that are alike; none if few are, or have two."""
    if len(separator) > 1 or not quotes:
        rows = [line.split(separator) for line in lines]
    else:
        rows = [_unquote(line, separator) for line in lines]
    ((width, count),) = Counter(map(len, rows)).most_common(1)
    if width < 2 or count < ALIKE * len(rows) or len(rows[0]) != width:  # noqa: PLR2004
        return []
    return [row for row in rows if len(row) == width]


def _unquote(line: str, separator: str) -> list[str]:
    """Return the fields of a line, or none if its quotes are not as they must be."""
    if '"' not in line:
        return line.split(separator)
    fields = next(csv.reader([line], delimiter=separator), [])
    fault = find_quoted_fault(separator, len(fields), line.encode())
    return [] if fault else fields
