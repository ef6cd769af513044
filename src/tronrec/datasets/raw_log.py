"""The raw files of a click log as a catalog entry."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from tronrec.data.formats import FORMATS
from tronrec.data.reading.log import RawLog, find_raw_log
from tronrec.datasets.previews import show_table
from tronrec.errors import UserError
from tronrec.params import Columns
from tronrec.problems import find_problems


class RawLogDataset(AbstractDataset[Iterable[pl.DataFrame], RawLog]):
    """A folder with raw files, local or remote: found on load, simulated on save."""

    def __init__(  # noqa: PLR0913 - the names of a catalog entry
        self,
        *,
        filepath: str,
        format: str,
        file: str | None = None,
        live: bool = False,
        columns: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the folder.

        Args:
            filepath: The folder of the raw files: a path, or a URL that fsspec knows.
            format: A name in `tronrec.data.formats.FORMATS`.
            file: The one file that is read, a folder of parts, or a pattern such as
                `clicks-*.csv`; None: those under the names of the format.
            live: Whether it is the log of live sessions, which lies beside the raw
                log as `live-sessions`, with the ending of its format.
            columns: What the columns of the latter are called (`Columns`).
            fs_args: Options of the file system.
            credentials: Secret options of the file system.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = filepath
        if format not in FORMATS:
            known = ", ".join(FORMATS)
            raise UserError(f"format ({format}) of {filepath} is unknown; use {known}")
        self._format = FORMATS[format]
        if live:
            self._format = self._format.of_live_sessions()
        elif file is not None:
            self._format = self._format.of_one_file(file)
        self._fs_args = fs_args or {}
        self._credentials = credentials or {}
        self.metadata = metadata
        if problems := find_problems(Columns, columns or {}):
            lines = (f"columns{name}{problem}" for name, problem in problems.items())
            raise UserError(
                "\n  ".join((f"Invalid catalog entry of {filepath}:", *lines))
            )
        self._columns = Columns.model_validate(columns or {})

    def load(self) -> RawLog:
        """Return where the files are; nothing is read."""
        return self._find()

    def _find(self) -> RawLog:
        filesystem, folder = fsspec.url_to_fs(
            self._filepath, **self._fs_args, **self._credentials
        )
        return find_raw_log(self._format, folder, filesystem, self._columns)

    def save(self, data: Iterable[pl.DataFrame]) -> None:
        """Write frames of clicks in the publisher's format, on this machine."""
        from tronrec.data.reading.writers import write_raw_log

        write_raw_log(data, self._format, Path(self._filepath), self._columns)

    def fingerprint(self) -> str:
        """Return what changes when a raw file does."""
        return self._find().fingerprint()

    def preview(self) -> TablePreview:
        """Return the files for Kedro-Viz."""
        log = self._find()
        rows = [(file.name, f"{file.size:,}") for file in log.train + log.test]
        return show_table(["file", "bytes"], rows)

    def _exists(self) -> bool:
        try:
            self._find()
        except UserError:
            return False
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "format": self._format.name}
