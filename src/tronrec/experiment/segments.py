"""Open and closed files of a log: lines of one writer, and the part they become."""

import logging
import os
import time
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from tronrec import locks
from tronrec.experiment.schemas import EXPOSURES, OUTCOMES, TIME
from tronrec.files import replacing

logger = logging.getLogger(__name__)

SEGMENT, PART = ".jsonl", ".parquet"

SCHEMAS = {"exposures": EXPOSURES, "outcomes": OUTCOMES}
"""Kind of log, with which its files' names begin -> its columns."""


class Segment:
    """A file of lines to which one process appends; locked until it is a part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = 0
        self.opened = time.monotonic()
        self._stack = ExitStack()
        self._stack.enter_context(locks.hold_new(path))
        self._file = self._stack.enter_context(path.open("ab", buffering=0))

    def append(self, line: bytes) -> None:
        """Write a line whole, or raise an error and leave the file as it was."""
        size = self._file.tell()
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(f"{self.path}: {written} of {len(line)} bytes written")
        except OSError:
            self._file.truncate(size)
            raise
        self.events += 1

    def sync(self) -> None:
        """Wait until the disk has all events."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Turn the segment into a part."""
        convert(self.path)
        self._stack.close()


def recover(folder: Path, kind: str) -> int:
    """Turn what killed writers left into parts; return the number of torn lines."""
    dropped = 0
    for path in sorted(folder.glob(f"{kind}-*{SEGMENT}")):
        if not locks.is_free(path):
            continue
        with locks.hold(path, wait=False) as held:
            if held:
                dropped += convert(path)
    return dropped


def convert(path: Path) -> int:
    """Write a segment as a part, remove it, and return the number of torn lines."""
    schema = SCHEMAS[path.name.partition("-")[0]]
    raw = pl.Schema(schema | {TIME: pl.Int64()})
    lines = path.read_bytes().splitlines(keepends=True)
    whole = [line for line in lines if _is_whole(line)]
    if whole:
        events = pl.read_ndjson(b"".join(whole), schema=raw).cast(schema)
        with replacing(path.with_suffix(PART)) as aside:
            events.write_parquet(aside)
    path.unlink()
    if dropped := len(lines) - len(whole):
        logger.warning("%s: %d events were lost, written in part", path, dropped)
    return dropped


def _is_whole(line: bytes) -> bool:
    """Return whether a line has its end, and a beginning and end of an event."""
    return line.startswith(b"{") and line.endswith(b"}\n")
