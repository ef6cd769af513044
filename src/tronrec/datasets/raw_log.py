"""The raw files of a click log as a catalog entry."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset

from tronrec.data.raw import Format, RawLog, find_raw_log
from tronrec.errors import UserError


class RawLogDataset(AbstractDataset[Iterable[pl.DataFrame], RawLog]):
    """A folder with a publisher's files: found on load, simulated on save."""

    def __init__(
        self,
        *,
        filepath: str,
        format: Format,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the folder.

        Args:
            filepath: The folder of the raw files.
            format: The publisher's format.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self._format = format
        self.metadata = metadata

    def load(self) -> RawLog:
        """Return where the files are; nothing is read."""
        return find_raw_log(self._format, self._filepath)

    def save(self, data: Iterable[pl.DataFrame]) -> None:
        """Write frames of clicks in the publisher's format."""
        from tronrec.data.raw_writers import write_raw_log

        write_raw_log(data, self._format, self._filepath)

    def _exists(self) -> bool:
        try:
            find_raw_log(self._format, self._filepath)
        except UserError:
            return False
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "format": self._format}
