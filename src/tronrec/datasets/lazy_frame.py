"""Tables as Parquet files that are read lazily and written in one move."""

from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from tronrec.datasets.previews import show_table
from tronrec.files import replacing
from tronrec.parquet import read_table, scan_table

Frame = pl.LazyFrame | pl.DataFrame


class LazyFrameDataset(AbstractDataset[Frame, Frame]):
    """A Parquet file, scanned on load and streamed to on save.

    `polars.LazyPolarsDataset` would collect the whole table in memory to save it.
    """

    def __init__(  # noqa: PLR0913 - the names of a catalog entry
        self,
        *,
        filepath: str,
        collect: bool = False,
        missing_ok: bool = False,
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file.

        Args:
            filepath: The file.
            collect: Whether the table is small, and read into memory on load.
            missing_ok: Whether a file that is not there is read as an empty table.
            load_args: Options of `polars.scan_parquet`.
            save_args: Options of `polars.LazyFrame.sink_parquet`.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self._collect = collect
        self.optional = missing_ok
        self._load_args = load_args or {}
        self._save_args = save_args or {}
        self.metadata = metadata

    def load(self) -> Frame:
        """Return the table; its rows are read when a query needs them.

        Raises:
            UserError: The file was damaged by something else.
        """
        if self.optional and not self._exists():
            return pl.DataFrame()
        remedy = "delete it and run the pipeline that makes it"
        read = read_table if self._collect else scan_table
        return read(self._filepath, remedy, **self._load_args)

    def save(self, data: Frame) -> None:
        """Write the table beside the file, then put it in its place.

        A query over the old file may therefore be what is written to the new one.
        """
        # Polars gets no path: it would create a file there even after a failure.
        with replacing(self._filepath) as aside, aside.open("wb") as file:
            data.lazy().sink_parquet(file, **self._save_args)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for Kedro-Viz."""
        rows = self.load().lazy().head(nrows).cast(pl.String).collect()
        return show_table(rows.columns, rows.rows())

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": str(self._filepath),
            "collect": self._collect,
            "missing_ok": self.optional,
            "load_args": self._load_args,
            "save_args": self._save_args,
        }
