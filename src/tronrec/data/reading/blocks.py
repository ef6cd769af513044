"""Raw files, plain or packed, as blocks of whole lines with their line numbers.

Memory is bounded by the block, whatever the size of the file, and any bad line can be
named. Packing is recognised by a file's first bytes, not by its name. A packed file
that is cut off is noticed here; not every unpacker says so.
"""

import logging
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

import zstandard

from tronrec.data.formats.lines import count_lines
from tronrec.data.reading.log import RawFile
from tronrec.errors import UserError
from tronrec.progress import BYTES, Progress

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 22
LONGEST_LINE = 1 << 26
"""Bytes without a line end after which a file is not a log of lines."""


class Block(NamedTuple):
    """Whole lines of a file; `line` is the number of the first, counted from 1."""

    file: str
    line: int
    data: bytes


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"\x28\xb5\x2f\xfd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}
"""How packed files begin, and what unpacks one stream of them."""


def read_blocks(raw: RawFile, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the lines of a file, about `block_bytes` at a time; show the progress.

    Raises:
        UserError: The file cannot be read, is damaged, or has no line ends.
    """
    line, waiting = 1, bytearray()
    for piece in _read_pieces(raw, min(block_bytes, 1 << 20)):
        waiting += piece
        while len(waiting) >= block_bytes and (cut := _find_cut(waiting, block_bytes)):
            block = Block(str(raw), line, bytes(waiting[:cut]))
            del waiting[:cut]
            line += count_lines(block.data)
            yield block
        if len(waiting) > max(LONGEST_LINE, block_bytes):
            raise UserError(
                f"{raw}:{line}: no line end in {len(waiting):,} bytes; is this a log "
                "with one record a line?"
            )
    if waiting:
        yield Block(str(raw), line, bytes(waiting))
        line += count_lines(waiting)
    logger.info("%s: %d lines read", raw, line - 1)


def _find_cut(data: bytearray, size: int) -> int:
    """Return where the last line that begins in the first `size` bytes ends, or 0."""
    return data.rfind(b"\n", 0, size) + 1 or data.find(b"\n", size) + 1


def _read_pieces(raw: RawFile, size: int) -> Iterator[bytes]:
    try:
        with (
            raw.open() as file,
            Progress(raw.name, raw.size, BYTES) as progress,
        ):
            for piece in _unpack(file, size):
                yield piece
                progress.reach(file.tell())
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{raw}: cannot be read ({reason})") from error
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        raise UserError(f"{raw}: damaged ({error}); fetch the file again") from error


def _unpack(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked; a packed file may consist of several streams."""
    rest = file.read(max(map(len, _UNPACKERS)))
    new = next((new for sign, new in _UNPACKERS.items() if rest.startswith(sign)), None)
    if new is None:
        while rest:
            yield rest
            rest = file.read(size)
        return
    unpacker = new()
    while rest or (rest := file.read(size)):
        if unpacker.eof:
            unpacker = new()
        yield unpacker.decompress(rest)
        rest = unpacker.unused_data
    if not unpacker.eof:
        raise EOFError("its end is missing")
