"""Exposures or outcomes of a test: parts of a log, or a shop's own table."""

from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from tronrec.datasets.previews import show_table
from tronrec.errors import UserError
from tronrec.experiment.segments import PART, recover
from tronrec.files import replacing
from tronrec.parquet import scan_table

SIMULATED = f"simulated{PART}"
"""Name of the part that a simulation writes."""


class EventLogDataset(AbstractDataset[pl.LazyFrame, pl.LazyFrame]):
    """A Parquet file, or a folder of Parquet parts to which a service appends.

    Only a simulated log is ever written here, and never beside a real one.
    """

    def __init__(
        self,
        *,
        filepath: str,
        kind: str,
        columns: dict[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the log.

        Args:
            filepath: A file, or a folder of parts.
            kind: `exposures` or `outcomes`.
            columns: Our name -> the table's own, for columns that are called otherwise.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self._kind = kind
        self._columns = columns or {}
        self.metadata = metadata

    def load(self) -> pl.LazyFrame:
        """Return the table; what a killed service left unfinished is a part of it.

        Raises:
            UserError: There is no log, it has not the columns named here, or a part was
                damaged by something else.
        """
        path = self._filepath
        if path.is_dir():
            recover(path, self._kind)
        parts = [path] if path.is_file() else self._parts()
        if not parts:
            raise UserError(
                f"{self._filepath}: no {self._kind}. A service that takes part in a "
                "test writes them there; a table of your own is named in the catalog"
            )
        if len(parts) > 1 and SIMULATED in {part.name for part in parts}:
            raise UserError(
                f"{self._filepath} has {self._kind} of a simulation ({SIMULATED}) "
                "beside real ones; remove that file"
            )
        for part in parts:
            scan_table(part, "restore the file, or move it away")
        table = pl.scan_parquet(parts, glob=False)
        found = table.collect_schema()
        if missing := [own for own in self._columns.values() if own not in found]:
            raise UserError(
                f"{self._filepath}: no column {', '.join(missing)}; there are "
                f"{', '.join(found)}. Mend `columns` of the catalog entry"
            )
        return table.rename({own: ours for ours, own in self._columns.items()})

    def save(self, data: pl.LazyFrame) -> None:
        """Write a simulated log.

        Raises:
            UserError: A log lies there that was not simulated.
        """
        others = [path.name for path in self._parts() if path.name != SIMULATED]
        if others or self._filepath.is_file():
            raise UserError(
                f"{self._filepath} has {self._kind} that were not simulated "
                f"({', '.join(others[:3]) or self._filepath.name}); they are not "
                "overwritten. Simulate in another environment, such as --env=sample"
            )
        with (
            replacing(self._filepath / SIMULATED) as aside,
            aside.open("wb") as file,
        ):
            data.sink_parquet(file)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for Kedro-Viz."""
        rows = self.load().head(nrows).collect()
        return show_table(rows.columns, rows.rows())

    def _parts(self) -> list[Path]:
        return sorted(self._filepath.glob(f"*{PART}"))

    def _exists(self) -> bool:
        return self._filepath.is_file() or bool(self._parts())

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": str(self._filepath),
            "kind": self._kind,
            "columns": self._columns,
        }
