"""Where a raw click log lies, on a disk or behind a URL, and in which format.

A log is a file or a folder of parts under the publisher's name. Parts are read in the
order of their names.
"""

from dataclasses import dataclass, field
from typing import BinaryIO, cast

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tronrec.data.formats import RawFormat
from tronrec.data.reading.parts import find_parts, show_path
from tronrec.errors import UserError
from tronrec.params import Columns


@dataclass(frozen=True)
class RawFile:
    """A file on a file system, which may be remote."""

    path: str
    filesystem: AbstractFileSystem = field(default_factory=LocalFileSystem)

    def __str__(self) -> str:
        """Return the path as it can be printed and stored."""
        return show_path(self.path)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return str(self).rsplit("/", 1)[-1]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return int(self.filesystem.size(self.path))

    def open(self) -> BinaryIO:
        """Open the file as it is, packed or not."""
        return cast(BinaryIO, self.filesystem.open(self.path, "rb"))


@dataclass(frozen=True)
class RawLog:
    """The raw files of a click log; `test` only where the publisher gives one."""

    format: RawFormat
    train: tuple[RawFile, ...]
    test: tuple[RawFile, ...] = ()
    columns: Columns = field(default_factory=Columns)

    def fingerprint(self) -> str:
        """Return what changes when a file does; the files are not read."""
        return repr(
            [self.format.name, self.columns]
            + [(str(f), f.filesystem.ukey(f.path)) for f in self.train + self.test]
        )


def find_raw_log(
    raw_format: RawFormat,
    folder: str,
    filesystem: AbstractFileSystem | None = None,
    columns: Columns | None = None,
) -> RawLog:
    """Return the raw files of `folder`, plain or packed with gzip or zstd.

    Raises:
        UserError: The training files are missing, the folder cannot be read, or what
            lies in it is not clear.
    """
    filesystem = filesystem or LocalFileSystem()
    try:
        files = {
            role: tuple(
                RawFile(path, filesystem)
                for path in find_parts(filesystem, f"{folder.rstrip('/')}/{name}")
            )
            for role, name in raw_format.files.items()
        }
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error})") from error
    if not files["train"]:
        source = raw_format.source
        raise UserError(
            f"No raw file {folder}/{raw_format.files['train']} (.gz and .zst are read, "
            "too, and a folder of that name with parts). "
            f"{f'Download it from {source}' if source else 'Put it there'}, or name "
            f"the folder above {folder.rsplit('/', 1)[-1]}/ with "
            "--params=raw_root=/your/folder, or use simulated clicks with --env=sample."
        )
    return RawLog(
        raw_format, files["train"], files.get("test", ()), columns or Columns()
    )
