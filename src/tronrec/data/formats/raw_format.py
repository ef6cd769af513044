"""What a raw format is: the files, how they are read, and how they are written.

A format is one `RawFormat` in a module of this package; nothing else knows its name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import BinaryIO, Literal, Self

import polars as pl

from tronrec.params import Columns

Role = Literal["train", "test"]

LINE = "line"
"""A column of events: the line that an event is from, counted from 0. A format that has
one event a line does without it."""


@dataclass(frozen=True)
class LineParser:
    """How the lines of a file become events."""

    parse: Callable[[bytes], pl.DataFrame]
    """Whole lines to session, item, time and type; what cannot be read is null. Raises
    a `RefusedError` or `PolarsError` if a line is not of the form at all."""
    find_fault: Callable[[bytes], str | None]
    """Why a line is not of the form, in words. None: it is, or only `parse` can tell,
    which refuses whatever this finds fault with."""


@dataclass(frozen=True)
class LineReader:
    """How a file of lines is read."""

    begin: Callable[[bytes, Columns], tuple[LineParser, bool]]
    """First line of a file -> how its lines are parsed, and whether it is a header."""


@dataclass(frozen=True)
class TableReader:
    """How a file that is a table of its own kind is read."""

    read: Callable[[BinaryIO, Columns], Iterator[pl.DataFrame]]
    """Yields the rows as they are in the file."""
    parse: Callable[[pl.DataFrame, Columns], pl.DataFrame]
    """Rows to as many events; what cannot be read is null."""


@dataclass(frozen=True)
class RawFormat:
    """A publisher's format of click logs, or a kind of file for logs of one's own."""

    name: str
    """What the catalog calls it."""
    files: Mapping[Role, str]
    """The names of file or folder; only the training set has to be there."""
    expected: Callable[[Columns], str]
    """What a line should look like, for messages."""
    reader: LineReader | TableReader
    write: Callable[[pl.DataFrame, Sequence[BinaryIO], Columns], None]
    """Appends simulated clicks of whole sessions to the files of `written`."""
    written: tuple[Role, ...] = ("train",)
    source: str | None = None
    """Where its publisher offers it; None: it is the user's own."""

    def of_one_file(self, name: str) -> Self:
        """Return the format of a log of one file, or folder, that has another name."""
        return replace(self, files={"train": name}, written=("train",), source=None)

    def of_live_sessions(self) -> Self:
        """Return the format of a log of the sessions that are recommended to."""
        return self.of_one_file(f"live-sessions{PurePath(self.files['train']).suffix}")
