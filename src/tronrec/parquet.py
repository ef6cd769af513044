"""Parquet files, of which one that was damaged is named, with what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from tronrec.errors import UserError


def scan_table(path: Path, remedy: str, **options: Any) -> pl.LazyFrame:
    """Return the query of all rows of a file, whose end is looked at.

    Args:
        path: The file.
        remedy: What to do if it is damaged.
        options: Of `polars.scan_parquet`.

    Raises:
        UserError: The file is cut off, or no Parquet.
    """
    table = pl.scan_parquet(path, glob=False, **options)
    with _naming(path, remedy):
        table.collect_schema()
    return table


def read_table(path: Path, remedy: str, **options: Any) -> pl.DataFrame:
    """Return all rows of a file, which takes what `scan_table` takes.

    Raises:
        UserError: The file is damaged.
    """
    with _naming(path, remedy):
        return pl.scan_parquet(path, glob=False, **options).collect()


@contextmanager
def _naming(path: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path}: no readable Parquet ({error}); {remedy}") from error
