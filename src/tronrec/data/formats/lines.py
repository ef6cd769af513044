"""Parsing that formats share: lines in, a table with as many rows out.

Polars parses. A value that cannot be read becomes null; a line without the right fields
is refused, with the lines it came with. Polars passes over some faults in silence - a
missing field, a day without its last digit - and these are refused here.
"""

import json
import re
from functools import lru_cache

import polars as pl

from tronrec.data.events import RefusedError

Schema = dict[str, pl.DataType]

BLANK = "the line is blank"


def count_lines(data: bytes | bytearray) -> int:
    """Return the number of lines; the last one may lack its line end."""
    return data.count(b"\n") + (data[-1:] not in (b"", b"\n"))


def read_plain_csv(lines: bytes, separator: str, schema: Schema) -> pl.DataFrame:
    """Return a table whose fields are never quoted.

    Raises:
        RefusedError, PolarsError: A line does not hold the fields of `schema`.
    """
    # Polars refuses a line with a field too many, so the sum tells of a missing one.
    separators = lines.count(separator.encode())
    if separators != count_lines(lines) * (len(schema) - 1):
        raise RefusedError("every line must have its fields")
    return _read_csv(lines, separator, schema, quote=None)


def read_quoted_csv(lines: bytes, separator: str, schema: Schema) -> pl.DataFrame:
    """Return a table some of whose fields may be quoted; no field goes over a line end.

    Raises:
        RefusedError, PolarsError: A line does not hold the fields of `schema`.
    """
    if b'"' not in lines:
        return read_plain_csv(lines, separator, schema)
    line = _line_pattern(separator, len(schema))
    whole = rf"\A(?:{line}(?:\n|\z))+\z"
    try:
        is_whole = pl.Series([lines.decode()]).str.contains(whole)[0]
    except UnicodeDecodeError as error:
        raise RefusedError("the lines are not UTF-8") from error
    if not is_whole:
        raise RefusedError("every line must have its fields")
    return _read_csv(lines, separator, schema, quote='"')


def _read_csv(
    lines: bytes, separator: str, schema: Schema, *, quote: str | None
) -> pl.DataFrame:
    # Polars takes text that begins with an x for a zlib file, and drops another mark.
    hidden = lines[:1] in (b"x", b"\xef")
    return pl.read_csv(
        separator.join(schema).encode() + b"\n" + lines if hidden else lines,
        separator=separator,
        schema=schema,
        has_header=False,
        skip_rows=int(hidden),
        quote_char=quote,
        empty_string_is_null=False,
        ignore_errors=True,
    )


def find_plain_fault(separator: str, fields: int, line: bytes) -> str | None:
    """Return why a line is not of so many fields without quotes; None: it is."""
    if fault := _find_text_fault(line):
        return fault
    return _count_fault(line.count(separator.encode()) + 1, fields)


def find_quoted_fault(separator: str, fields: int, line: bytes) -> str | None:
    """Return why a line is not of so many fields, quoted or not; None: it is."""
    if b'"' not in line:
        return find_plain_fault(separator, fields, line)
    if fault := _find_text_fault(line):
        return fault
    if re.fullmatch(_line_pattern(separator, fields), line.decode()):
        return None
    count = len(
        re.findall(_field_pattern(separator) + re.escape(separator), line.decode())
    )
    return (
        _count_fault(count + 1, fields) or "a quote does not end, or is inside a field"
    )


def find_json_fault(line: bytes) -> str | None:
    """Return why a line is not a JSON object; None: it is, or only Polars can tell."""
    if fault := _find_text_fault(line):
        return fault
    try:
        value = json.loads(line.decode().strip(" \t\r"), strict=False)
    except RecursionError:
        return None
    except ValueError:
        return "the line is no whole JSON object"
    return None if isinstance(value, dict) else "the line is no JSON object"


def _find_text_fault(line: bytes) -> str | None:
    if not line.strip(b" \t\r"):
        return BLANK
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} of the line is not UTF-8"
    return None


def _count_fault(fields: int, expected: int) -> str | None:
    return None if fields == expected else f"{fields} fields instead of {expected}"


def _field_pattern(separator: str) -> str:
    plain = re.escape(separator)
    return rf'(?:"(?:[^"\n]|"")*"|[^"\n{plain}]*)'


@lru_cache
def _line_pattern(separator: str, fields: int) -> str:
    """Return a pattern for a line, for Python and for Rust alike."""
    field = _field_pattern(separator)
    return rf"{field}(?:{re.escape(separator)}{field}){{{fields - 1}}}\r?"
