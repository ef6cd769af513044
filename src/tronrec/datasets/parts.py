"""A table in parts: a folder of Parquet files, each of which is whole or absent."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from tronrec.datasets.previews import show_table
from tronrec.files import replacing
from tronrec.parquet import read_table

SUFFIX = ".parquet"

Parts = dict[str, pl.DataFrame | None]
Loaders = dict[str, Callable[[], pl.DataFrame]]


class PartsDataset(AbstractDataset[Parts, Loaders]):
    """A folder with a Parquet file for each part, read one by one as they are needed.

    What is saved replaces the parts of its names and leaves the others; None takes the
    place of a part that is to go. A folder that is not there has no parts.
    """

    optional = True

    def __init__(
        self,
        *,
        filepath: str,
        save_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the folder.

        Args:
            filepath: The folder.
            save_args: Options of `polars.DataFrame.write_parquet`.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self._save_args = save_args or {}
        self.metadata = metadata

    def load(self) -> Loaders:
        """Return a function for each name that reads its part."""
        files = sorted(self._filepath.glob(f"[!.]*{SUFFIX}"))
        return {file.stem: partial(_read, file) for file in files}

    def save(self, data: Parts) -> None:
        """Write each file whole, or remove it."""
        for name, table in data.items():
            path = self._filepath / f"{name}{SUFFIX}"
            if table is None:
                path.unlink(missing_ok=True)
                continue
            with replacing(path) as aside:
                table.write_parquet(aside, **self._save_args)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows of the first part for Kedro-Viz."""
        first = next(iter(self.load().values()))
        rows = first().head(nrows)
        return show_table(rows.columns, rows.rows())

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "save_args": self._save_args}


def _read(part: Path) -> pl.DataFrame:
    return read_table(part, "delete it, and run the pipeline that makes it")
