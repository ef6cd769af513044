"""Good and bad lines of raw files told apart, exactly, whatever the format.

Whether a line is good does not depend on its neighbours. Blocks are parsed whole; one
that is not good is looked at line by line, and what is left of it parsed once more.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from tronrec.data.events import (
    SHOWN,
    RefusedError,
    check_events,
    requirements,
    shorten,
)
from tronrec.data.formats.raw_format import (
    LINE,
    LineParser,
    LineReader,
    TableReader,
)
from tronrec.data.reading.blocks import BLOCK_BYTES, Block, read_blocks
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.data.reading.prefetch import prefetch_results
from tronrec.errors import UserError

REFUSALS = (RefusedError, pl.exceptions.PolarsError, OSError)
"""Polars takes a block for a packed file, too, if it begins like one: an OSError."""

UNREADABLE = "the line cannot be read"


class BadLine(NamedTuple):
    """A line, or a row of a table, that holds no event."""

    file: str
    line: int
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}: {self.text!r}"


class Part(NamedTuple):
    """What some lines of a file hold."""

    events: pl.DataFrame
    bad_lines: list[BadLine]


def read_file(
    log: RawLog, raw: RawFile, block_bytes: int = BLOCK_BYTES
) -> Iterator[Part]:
    """Yield what a file holds, part by part.

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
) -> Iterator[Part]:
    blocks = read_blocks(raw, block_bytes)
    if (head := next(blocks, None)) is None:
        return
    first, _, below = head.data.partition(b"\n")
    try:
        parser, is_header = reader.begin(first, log.columns)
    except RefusedError as error:
        raise UserError(f"{raw}:1: {error}") from None
    if is_header:
        head = Block(head.file, 2, below)
    blocks = (block for block in chain([head], blocks) if block.data)
    parse = partial(_parse_good_block, parser)
    for block, events in prefetch_results(parse, blocks):
        if events is None:
            yield split_block(parser, block)
        else:
            yield Part(events, [])


def _parse_good_block(parser: LineParser, block: Block) -> pl.DataFrame | None:
    """Return the events of a block without a bad line, else None."""
    try:
        return check_events(parser.parse(block.data))
    except REFUSALS:
        return None


def split_block(parser: LineParser, block: Block) -> Part:
    """Return the good events of a block and its bad lines.

    The time grows with the lines, not with how many of them are bad.
    """
    lines = block.data.removesuffix(b"\n").split(b"\n")
    reasons: dict[int, str] = {}
    for number, line in enumerate(lines):
        if fault := parser.find_fault(line):
            reasons[number] = fault
    good = []
    whole = [number for number in range(len(lines)) if number not in reasons]
    for numbers, events in _parse_together(parser, lines, whole) if whole else ():
        if events is None:
            reasons[numbers[0]] = UNREADABLE
            continue
        kept, faults = _split_rows(events)
        good.append(kept)
        reasons |= {numbers[row]: reason for row, reason in faults.items()}
    events = pl.concat(good) if good else pl.DataFrame()
    return Part(
        events,
        [
            BadLine(block.file, block.line + number, reason, shorten(lines[number]))
            for number, reason in sorted(reasons.items())
        ],
    )


def _parse_together(
    parser: LineParser, lines: list[bytes], numbers: list[int]
) -> Iterator[tuple[list[int], pl.DataFrame | None]]:
    """Yield the events of some lines, as many lines together as can be parsed at once.

    A line that cannot be parsed even alone comes with None. There are few such, if
    `find_fault` is any good: the block is halved to find each.
    """
    try:
        yield numbers, parser.parse(b"".join(lines[n] + b"\n" for n in numbers))
    except REFUSALS:
        if len(numbers) == 1:
            yield numbers, None
            return
        middle = len(numbers) // 2
        yield from _parse_together(parser, lines, numbers[:middle])
        yield from _parse_together(parser, lines, numbers[middle:])


def _split_rows(events: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, str]]:
    """Return the events of good lines, and why the others are bad, by their number."""
    numbered = events if LINE in events.columns else events.with_row_index(LINE)
    rules = requirements(events.schema)
    holds = numbered.select(
        LINE, *(rule.fill_null(False).alias(text) for text, rule in rules.items())
    )
    bad = holds.filter(~pl.all_horizontal(pl.exclude(LINE)))
    reasons: dict[int, str] = {}
    for line, *is_true in bad.iter_rows():
        reasons.setdefault(line, list(rules)[is_true.index(False)])
    return numbered.filter(~pl.col(LINE).is_in(list(reasons))).drop(LINE), reasons


def _read_table(log: RawLog, reader: TableReader, raw: RawFile) -> Iterator[Part]:
    """Yield the events of a table, and its bad rows, counted from 1."""
    first = 1
    try:
        with raw.open() as file:
            for table in reader.read(file, log.columns):
                events, reasons = _split_rows(reader.parse(table, log.columns))
                bad_rows = [
                    BadLine(str(raw), first + row, reason, _show_row(table, row))
                    for row, reason in reasons.items()
                ]
                yield Part(events, bad_rows)
                first += table.height
    except RefusedError as error:
        raise UserError(f"{raw}: {error}") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{raw}: cannot be read ({error}); write it again, or set the format of "
            "raw_log to what the file is"
        ) from error


def _show_row(table: pl.DataFrame, row: int) -> str:
    return str(table.row(row, named=True))[:SHOWN]
