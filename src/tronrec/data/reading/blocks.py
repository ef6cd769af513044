"""Raw files, plain or packed, as blocks of whole lines with their line numbers.

Memory is bounded by the block, whatever the size of the file, and any bad line can be
named.
"""

import logging
from collections.abc import Iterator
from typing import NamedTuple

from tronrec.data.formats.lines import count_lines
from tronrec.data.reading.log import RawFile
from tronrec.data.reading.unpacking import read_pieces
from tronrec.errors import UserError

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 22
LONGEST_LINE = 1 << 26
"""Bytes without a line end after which a file is not a log of lines."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Whole lines of a file; `line` is the number of the first, counted from 1."""

    file: str
    line: int
    data: bytes


def read_blocks(raw: RawFile, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the lines of a file, about `block_bytes` at a time; show the progress.

    A byte-order mark is left out, and so are blank lines at the end of the file. The
    last line may lack its line end, as in many an export.

    Raises:
        UserError: The file cannot be read, is damaged, or has no line ends.
    """
    line, waiting = 1, bytearray()

    def take(size: int) -> Iterator[Block]:
        nonlocal line
        data = bytes(waiting[:size])
        del waiting[:size]
        if text := data.removeprefix(BYTE_ORDER_MARK if line == 1 else b""):
            yield Block(str(raw), line, text)
        line += count_lines(data)

    for piece in read_pieces(raw, min(block_bytes, 1 << 20)):
        waiting += piece
        while len(waiting) >= block_bytes and (cut := _find_cut(waiting, block_bytes)):
            yield from take(cut)
        if len(waiting) > max(LONGEST_LINE, block_bytes):
            raise UserError(
                f"{raw}:{line}: no line end in {len(waiting):,} bytes; is this a log "
                "with one record a line?"
            )
    open_end = bool(waiting) and not waiting.endswith(b"\n")
    yield from take(_end_of_text(waiting, len(waiting)))
    note = "; the last has no line end, and counts as whole" if open_end else ""
    logger.info("%s: %d lines read%s", raw, line - 1, note)


def _find_cut(data: bytearray, size: int) -> int:
    """Return where to cut off about `size` bytes of whole lines, or 0.

    Blank lines stay behind: they may be the last of the file.
    """
    end = data.rfind(b"\n", 0, size) + 1 or data.find(b"\n", size) + 1
    blank = len(data) - len(data.lstrip(b"\r\n"))
    return _end_of_text(data, end) or data.find(b"\n", blank) + 1


def _end_of_text(data: bytearray, end: int) -> int:
    """Return where the last line before `end` that is not blank ends, or 0."""
    text = len(data[:end].rstrip(b"\r\n"))
    return text and (data.find(b"\n", text, end) + 1 or end)
