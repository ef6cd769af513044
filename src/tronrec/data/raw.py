"""Where a raw click log lies, on a disk or behind a URL, and in which format.

A log is a file or a folder of parts under the publisher's name. Parts are read in the
order of their names.
"""

from dataclasses import dataclass, field
from typing import BinaryIO, Literal, cast

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from pydantic import Field

from tronrec.errors import UserError
from tronrec.params import Params

Format = Literal["diginetica", "yoochoose", "otto", "csv", "jsonl", "parquet"]

FILES: dict[Format, dict[str, str]] = {
    "diginetica": {"train": "train-item-views.csv"},
    "yoochoose": {"train": "yoochoose-clicks.dat"},
    "otto": {"train": "otto-recsys-train.jsonl", "test": "otto-recsys-test.jsonl"},
    "csv": {"train": "events.csv", "test": "test-events.csv"},
    "jsonl": {"train": "events.jsonl", "test": "test-events.jsonl"},
    "parquet": {"train": "events.parquet", "test": "test-events.parquet"},
}
"""The names of file or folder; the test set is optional, the training set is not."""

PUBLISHED_AT: dict[Format, str] = {
    "diginetica": "https://competitions.codalab.org/competitions/11161",
    "yoochoose": "https://www.kaggle.com/datasets/chadgostopp/recsys-challenge-2015",
    "otto": "https://github.com/otto-de/recsys-dataset",
}

PACKINGS = ("", ".gz", ".zst")


class Columns(Params):
    """What the columns of a shop's own log are called, and what is in them."""

    session: str = "session_id"
    """The column of the session: whole numbers."""
    item: str = "item_id"
    """The column of the item: whole numbers."""
    time: str = "timestamp"
    """The column of the time."""
    time_unit: Literal["iso", "s", "ms", "us"] = "iso"
    """ISO 8601 in UTC, or whole seconds, milli- or microseconds since 1970."""
    type: str | None = None
    """The column of the event's type; null: every event is a click."""
    click: str = "clicks"
    """The type of events that are clicks; others are counted and dropped."""
    separator: str = Field(",", min_length=1, max_length=1)
    """What stands between the columns of a CSV file."""

    @property
    def needed(self) -> list[str]:
        """The names of the columns that are read."""
        return [self.session, self.item, self.time, *([self.type] if self.type else [])]


@dataclass(frozen=True)
class RawFile:
    """A file on a file system, which may be remote."""

    path: str
    filesystem: AbstractFileSystem = field(default_factory=LocalFileSystem)

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

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

    format: Format
    train: tuple[RawFile, ...]
    test: tuple[RawFile, ...] = ()
    columns: Columns = field(default_factory=Columns)

    def fingerprint(self) -> str:
        """Return what changes when a file does; the files are not read."""
        return repr(
            [self.format, self.columns]
            + [(str(f), f.filesystem.ukey(f.path)) for f in self.train + self.test]
        )


def find_raw_log(
    format: Format,
    folder: str,
    filesystem: AbstractFileSystem | None = None,
    columns: Columns | None = None,
) -> RawLog:
    """Return the raw files of `folder`, plain or packed with gzip or zstd.

    Raises:
        UserError: The training files are missing, or the folder cannot be read.
    """
    filesystem = filesystem or LocalFileSystem()
    try:
        found = {
            role: tuple(
                RawFile(path, filesystem)
                for path in _find_parts(filesystem, f"{folder.rstrip('/')}/{name}")
            )
            for role, name in FILES[format].items()
        }
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error})") from error
    if not found["train"]:
        source = PUBLISHED_AT.get(format)
        raise UserError(
            f"No raw file {folder}/{FILES[format]['train']} (.gz and .zst are read, "
            "too, and a folder of that name with parts). "
            f"{f'Download it from {source}' if source else 'Put it there'}, or name "
            f"the folder above {folder.rsplit('/', 1)[-1]}/ with "
            "--params=raw_root=/your/folder, or use simulated clicks with --env=sample."
        )
    return RawLog(format, found["train"], found.get("test", ()), columns or Columns())


def _find_parts(filesystem: AbstractFileSystem, path: str) -> list[str]:
    """Return the file, or the files in the folder, of that name; none is empty."""
    for packing in PACKINGS:
        if filesystem.isfile(path + packing):
            return [path + packing]
    if not filesystem.isdir(path):
        return []
    parts = sorted(str(part) for part in filesystem.find(path))
    return [part for part in parts if part.rsplit("/", 1)[-1][0] not in "._"]
