"""Tables as Parquet files that are read lazily and written in one move."""

import os
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview


class LazyFrameDataset(AbstractDataset[pl.LazyFrame | pl.DataFrame, pl.LazyFrame]):
    """A Parquet file, scanned on load and streamed to on save.

    `polars.LazyPolarsDataset` would collect the whole table in memory to save it.
    """

    def __init__(
        self,
        *,
        filepath: str,
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file.

        Args:
            filepath: The file.
            load_args: Options of `polars.scan_parquet`.
            save_args: Options of `polars.LazyFrame.sink_parquet`.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self._load_args = load_args or {}
        self._save_args = save_args or {}
        self.metadata = metadata

    def load(self) -> pl.LazyFrame:
        """Return the table; its rows are read when a query needs them."""
        return pl.scan_parquet(self._filepath, **self._load_args)

    def save(self, data: pl.LazyFrame | pl.DataFrame) -> None:
        """Write the table beside the file, then put it in its place.

        A query over the old file may therefore be what is written to the new one.
        """
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        aside = self._filepath.with_name(f".{self._filepath.name}.{os.getpid()}")
        try:
            data.lazy().sink_parquet(aside, sync_on_close="data", **self._save_args)
            aside.replace(self._filepath)
        finally:
            aside.unlink(missing_ok=True)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for Kedro-Viz."""
        rows = self.load().head(nrows).cast(pl.String).collect()
        return TablePreview(
            {
                "index": list(range(rows.height)),
                "columns": rows.columns,
                "data": [list(row) for row in rows.iter_rows()],
            }
        )

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": str(self._filepath),
            "load_args": self._load_args,
            "save_args": self._save_args,
        }
