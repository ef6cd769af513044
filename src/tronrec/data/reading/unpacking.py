"""The bytes of a raw file, unpacked: gzip and zstd, known by how the file begins.

A packed file that is cut off is noticed here; not every unpacker says so.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import zstandard

from tronrec.data.reading.log import RawFile
from tronrec.errors import UserError
from tronrec.progress import BYTES, Progress


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _new_gzip() -> _Unpacker:
    return zlib.decompressobj(wbits=31)


def _new_zstd() -> _Unpacker:
    return zstandard.ZstdDecompressor().decompressobj()


_SKIPPABLE_FRAMES = [bytes([n]) + b"\x2a\x4d\x18" for n in range(0x50, 0x60)]
"""RFC 8878, 3.1.2: frames without content, with which pzstd begins a file."""

_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x1f\x8b": _new_gzip,
    b"\x28\xb5\x2f\xfd": _new_zstd,
    **dict.fromkeys(_SKIPPABLE_FRAMES, _new_zstd),
}
"""How packed files begin, and what unpacks one stream of them."""

_PACK_AGAIN = "make it plain, .gz or .zst"

_OTHER_KINDS = {
    b"PK\x03\x04": f"a zip archive; {_PACK_AGAIN}",
    b"\xfd7zXZ\x00": f"packed with xz; {_PACK_AGAIN}",
    b"\x04\x22\x4d\x18": f"packed with lz4; {_PACK_AGAIN}",
    **{
        b"BZh%d1AY&SY" % level: f"packed with bzip2; {_PACK_AGAIN}"
        for level in range(1, 10)
    },
    b"\xff\xfe": "text in UTF-16; write it in UTF-8",
    b"\xfe\xff": "text in UTF-16; write it in UTF-8",
    b"PAR1\x15": "a Parquet file; set the format of raw_log to parquet",
}
"""How files begin that are not read as lines, and what to do."""


def read_pieces(raw: RawFile, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, `size` packed ones at a time; show the progress.

    Raises:
        UserError: The file cannot be read, is damaged, or of a kind that is not read.
    """
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
    except _OtherKindError as error:
        raise UserError(f"{raw}: {error}") from None


class _OtherKindError(ValueError):
    """A file is of a kind that is not read."""


def _unpack(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked; a packed file may consist of several streams."""
    rest = file.read(max(map(len, (*_UNPACKERS, *_OTHER_KINDS))))
    for sign, kind in _OTHER_KINDS.items():
        if rest.startswith(sign):
            raise _OtherKindError(kind)
    new = next((new for sign, new in _UNPACKERS.items() if rest.startswith(sign)), None)
    if new is None:
        while rest:
            yield rest
            rest = file.read(size)
        return
    unpacker = new()
    while rest or (rest := file.read(size)):
        if unpacker.eof:
            if new is _new_gzip and not (rest := rest.lstrip(b"\0")):
                continue  # gzip passes over zeros that fill up a block of a tape
            unpacker = new()
        yield unpacker.decompress(rest)
        rest = unpacker.unused_data
    if not unpacker.eof:
        raise EOFError("its end is missing")
