"""How large data are: what Kedro-Viz shows of them beside a preview."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset
from safetensors import SafetensorError, safe_open


def measure(dataset: AbstractDataset[Any, Any]) -> dict[str, int]:
    """Return rows, columns and bytes of what is on this disk; {} if it is not readable.

    Of tables and of the largest tensor they are what they say. A record counts as a row
    for each entry, name and value; a text as its lines; a folder as its files.
    """
    described = dataset._describe().get("filepath")
    path = Path(str(described))
    if described is None or not path.exists():
        return {}
    files = [file for file in path.rglob("*") if file.is_file()] or [path]
    try:
        rows, columns = _shape(path)
    except (pl.exceptions.PolarsError, SafetensorError, ValueError):
        return {}
    size = sum(file.stat().st_size for file in files)
    return {"rows": rows, "columns": columns, "file_size": size}


def _shape(path: Path) -> tuple[int, int]:
    """Return the number of rows and columns of a file, or of a table in parts."""
    if path.is_dir():
        parts = sorted(path.glob("[!.]*"))
        tables = parts and all(part.suffix == ".parquet" for part in parts)
        return _table(pl.scan_parquet(parts)) if tables else (len(parts), 1)
    return SHAPES.get(path.suffix, _lines)(path)


def _table(table: pl.LazyFrame) -> tuple[int, int]:
    return table.select(pl.len()).collect().item(), len(table.collect_schema())


def _lines(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        return sum(1 for _ in file), 1


def _tensor(path: Path) -> tuple[int, int]:
    with safe_open(path, "numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    rows, *columns = max(shapes, key=lambda shape: [*shape, 0][0], default=[0])
    return rows, columns[0] if columns else 1


SHAPES: dict[str, Callable[[Path], tuple[int, int]]] = {
    ".csv": lambda path: _table(pl.scan_csv(path)),
    ".json": lambda path: (len(json.loads(path.read_bytes())), 2),
    ".parquet": lambda path: _table(pl.scan_parquet(path)),
    ".safetensors": _tensor,
}
"""By the ending of a file; others are texts."""
