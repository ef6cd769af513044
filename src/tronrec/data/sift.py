"""Good and bad lines of raw files told apart, exactly, whatever the format.

There is no second grammar: a bad line is one that the parser refuses when it gets it
alone. Bad lines are found by halving the block that holds them.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from tronrec.data.ahead import map_ahead
from tronrec.data.blocks import BLOCK_BYTES, Block, count_lines, read_blocks
from tronrec.data.columns import csv_parser, name_columns, parse_jsonl
from tronrec.data.events import REQUIREMENTS, RefusedError, check_events
from tronrec.data.formats import EXPECTED, PARSERS
from tronrec.data.raw import RawFile, RawLog
from tronrec.errors import UserError

Parse = Callable[[bytes], pl.DataFrame]

REFUSALS = (
    RefusedError,
    pl.exceptions.PolarsError,
    OSError,
)
"""Polars takes a block for a packed file, too, if it begins like one: an OSError."""

SHOWN = 200
"""Characters of a bad line that are shown and kept."""

ROWS_AT_ONCE = 1 << 18


class BadLine(NamedTuple):
    """A line, or a row of a Parquet file, that holds no event."""

    file: str
    line: int
    reason: str
    text: str

    def error(self, expected: str) -> UserError:
        """Return the error that stops a run."""
        return UserError(
            f"{self.file}:{self.line}: {self.reason}: {self.text!r}; expected "
            f"{expected}. Correct or delete the line, or set ingestion.on_bad_rows "
            "to quarantine."
        )


def read_file(
    log: RawLog, raw: RawFile, block_bytes: int = BLOCK_BYTES
) -> Iterator[pl.DataFrame | BadLine]:
    """Yield the events of a file, and its bad lines where they stand.

    Raises:
        UserError: The file cannot be read, is damaged, or is of another kind.
    """
    if log.format == "parquet":
        yield from _read_parquet(log, raw)
        return
    blocks = read_blocks(raw, block_bytes)
    if (head := next(blocks, None)) is None:
        return
    try:
        parse, first = _choose_parser(log, head)
    except RefusedError as error:
        raise UserError(f"{raw}:1: {error}") from None
    must_end = log.format == "csv"
    parts = (block for block in chain([first], blocks) if block.data)
    for block, events in map_ahead(partial(_parse_whole, parse, must_end), parts):
        if events is None:
            yield from sift_lines(parse, block, must_end=must_end)
        else:
            yield events


def expected_form(log: RawLog) -> str:
    """Return what a line should look like, for messages."""
    if log.format in ("csv", "jsonl", "parquet"):
        columns = log.columns
        return (
            f"whole numbers in {columns.session} and {columns.item}, and in "
            f"{columns.time} a time ({columns.time_unit})"
        )
    return EXPECTED[log.format]


def _choose_parser(log: RawLog, block: Block) -> tuple[Parse, Block]:
    """Return what parses the lines of a file, and its first block below the header."""
    if log.format == "jsonl":
        return partial(parse_jsonl, log.columns), block
    if log.format in ("yoochoose", "otto"):
        return PARSERS[log.format], block
    header, _, rest = block.data.partition(b"\n")
    below = Block(block.file, 2, rest)
    if log.format == "csv":
        return csv_parser(header, log.columns), below
    form = EXPECTED["diginetica"]
    if header.strip().lower().replace(b"_", b"") != form.replace("_", "").encode():
        raise RefusedError(f"wrong header {_shorten(header)!r}; expected {form}")
    return PARSERS["diginetica"], below


def sift_lines(
    parse: Parse, block: Block, *, must_end: bool
) -> Iterator[pl.DataFrame | BadLine]:
    """Yield the events of a block and its bad lines."""
    end = block.data.rfind(b"\n") + 1 if must_end else len(block.data)
    whole, torn = block.data[:end], block.data[end:]
    if whole:
        yield from _halve(parse, block._replace(data=whole))
    if torn:  # its last number may lack digits
        line = block.line + count_lines(whole)
        reason = "the line has no end; is the file still being written?"
        yield BadLine(block.file, line, reason, _shorten(torn))


def _parse_whole(parse: Parse, must_end: bool, block: Block) -> pl.DataFrame | None:
    """Return the events of a block without a bad line, else None."""
    if must_end and not block.data.endswith(b"\n"):
        return None
    try:
        return check_events(parse(block.data))
    except REFUSALS:
        return None


def _halve(parse: Parse, block: Block) -> Iterator[pl.DataFrame | BadLine]:
    """Yield events of lines that are good together, and lines that are bad alone."""
    file, line, data = block
    try:
        events = check_events(parse(data))
    except REFUSALS as error:
        reason = str(error).partition("\n")[0]
    else:
        yield events
        return
    middle = len(data) // 2
    cut = data.rfind(b"\n", 0, middle) + 1 or data.find(b"\n", middle) + 1
    if cut in (0, len(data)):
        yield BadLine(file, line, reason, _shorten(data))
        return
    yield from _halve(parse, Block(file, line, data[:cut]))
    below = line + count_lines(data[:cut])
    yield from _halve(parse, Block(file, below, data[cut:]))


def _read_parquet(log: RawLog, raw: RawFile) -> Iterator[pl.DataFrame | BadLine]:
    """Yield the events of a Parquet file, and its bad rows, counted from 1."""
    row = 1
    try:
        with raw.open() as file:
            for batch in parquet.ParquetFile(file).iter_batches(
                ROWS_AT_ONCE, columns=log.columns.needed
            ):
                table = pl.DataFrame(batch)
                yield from _sift_rows(name_columns(table, log.columns), table, raw, row)
                row += table.height
    except RefusedError as error:
        raise UserError(f"{raw}: {error}") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{raw}: cannot be read ({error})") from error


def _sift_rows(
    events: pl.DataFrame, table: pl.DataFrame, raw: RawFile, first: int
) -> Iterator[pl.DataFrame | BadLine]:
    """Yield the good events of a table, and its bad rows."""
    holds = events.select(
        rule.fill_null(False).alias(text) for text, rule in REQUIREMENTS.items()
    )
    good = holds.select(pl.all_horizontal(pl.all())).to_series()
    yield events.filter(good)
    for index in (~good).arg_true():
        reason = next(text for text in REQUIREMENTS if not holds[text][index])
        text = str(table.row(index, named=True))[:SHOWN]
        yield BadLine(str(raw), first + index, reason, text)


def _shorten(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")[:SHOWN]
