"""Good and bad lines of raw files told apart, exactly, whatever the format.

There is no second grammar: a bad line is one that the parser refuses when it gets it
alone. Bad lines are found by halving the block that holds them.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from tronrec.data.events import (
    REQUIREMENTS,
    SHOWN,
    RefusedError,
    check_events,
    shorten,
)
from tronrec.data.formats.lines import count_lines
from tronrec.data.formats.raw_format import LineReader, Parse, TableReader
from tronrec.data.reading.blocks import BLOCK_BYTES, Block, read_blocks
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.data.reading.prefetch import prefetch_results
from tronrec.errors import UserError

REFUSALS = (
    RefusedError,
    pl.exceptions.PolarsError,
    OSError,
)
"""Polars takes a block for a packed file, too, if it begins like one: an OSError."""


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
    match log.format.reader:
        case LineReader() as reader:
            yield from _read_lines(log, reader, raw, block_bytes)
        case TableReader() as reader:
            yield from _read_table(log, reader, raw)


def _read_lines(
    log: RawLog, reader: LineReader, raw: RawFile, block_bytes: int
) -> Iterator[pl.DataFrame | BadLine]:
    blocks = read_blocks(raw, block_bytes)
    if (head := next(blocks, None)) is None:
        return
    first, _, below = head.data.partition(b"\n")
    try:
        parse, is_header = reader.begin(first, log.columns)
    except RefusedError as error:
        raise UserError(f"{raw}:1: {error}") from None
    if is_header:
        head = Block(head.file, 2, below)
    must_end = reader.last_line_must_end
    parts = (block for block in chain([head], blocks) if block.data)
    for block, events in prefetch_results(
        partial(_parse_whole, parse, must_end), parts
    ):
        if events is None:
            yield from split_block(parse, block, must_end=must_end)
        else:
            yield events


def split_block(
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
        yield BadLine(block.file, line, reason, shorten(torn))


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
        yield BadLine(file, line, reason, shorten(data))
        return
    yield from _halve(parse, Block(file, line, data[:cut]))
    below = line + count_lines(data[:cut])
    yield from _halve(parse, Block(file, below, data[cut:]))


def _read_table(
    log: RawLog, reader: TableReader, raw: RawFile
) -> Iterator[pl.DataFrame | BadLine]:
    """Yield the events of a table, and its bad rows, counted from 1."""
    row = 1
    try:
        with raw.open() as file:
            for table in reader.read(file, log.columns):
                events = reader.parse(table, log.columns)
                yield from _split_rows(events, table, raw, row)
                row += table.height
    except RefusedError as error:
        raise UserError(f"{raw}: {error}") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{raw}: cannot be read ({error})") from error


def _split_rows(
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
