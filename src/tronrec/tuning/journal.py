"""A study as a log of lines, which a full disk or a killed worker does not break."""

import errno
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from optuna.storages.journal import JournalFileBackend

from tronrec import locks
from tronrec.errors import UserError

BLOCK = 1 << 16
"""Bytes that are searched at once for the end of a line."""


class Journal(JournalFileBackend):
    """Optuna's log, of which half a line is never followed by another.

    Optuna skips half a line at the end of the file, and cannot read one before it.
    """

    def __init__(self, path: Path) -> None:
        """Name the file, which is made if it is not there."""
        super().__init__(str(path))
        self._path = path

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any]]:
        """Yield the lines from this one on.

        Raises:
            UserError: The file was damaged by something else.
        """
        try:
            yield from super().read_logs(log_number_from)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{self._path}: no readable line {error.doc[:80]!r} ({error.msg}); "
                "delete that line, or the file with all its studies"
            ) from error

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines, or raise an error and leave the file without them.

        Raises:
            OSError: The disk is full or gone.
        """
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        content = "".join(lines).encode()
        with (
            locks.hold(self._path.with_suffix(".lock")),
            self._path.open("r+b", buffering=0) as file,
        ):
            end = _end_of_lines(file)
            file.truncate(end)  # a killed worker may have written half a line
            file.seek(end)
            try:
                if file.write(content) < len(content):
                    raise OSError(errno.ENOSPC, "No space left on device", self._path)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise


def _end_of_lines(file: IO[bytes]) -> int:
    """Return the number of bytes to the end of the last line that has one."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - BLOCK)
        file.seek(begin)
        if (found := file.read(end - begin).rfind(b"\n")) >= 0:
            return begin + found + 1
        end = begin
    return 0
