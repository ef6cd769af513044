from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from tronrec.datasets import LazyFrameDataset, PartsDataset, RecordDataset
from tronrec.datasets.checkpoint import ModelDataset
from tronrec.datasets.whole_file import WholeFileDataset
from tronrec.graph.sizes import measure

TABLE = pl.DataFrame({"a": [1, 2, 3], "b": [1, 2, 3]})
TEXT = {"type": "text.TextDataset"}
CSV = {"type": "polars.EagerPolarsDataset", "file_format": "csv"}


def shape(size: dict[str, int]) -> tuple[int, int]:
    assert size["file_size"] > 0
    return size["rows"], size["columns"]


def test_tables_count_rows_and_columns(tmp_path: Path) -> None:
    table = LazyFrameDataset(filepath=str(tmp_path / "table.parquet"))
    assert measure(table) == {}
    table.save(TABLE)
    assert shape(measure(table)) == (3, 2)
    assert measure(table)["file_size"] == (tmp_path / "table.parquet").stat().st_size
    csv = WholeFileDataset(filepath=str(tmp_path / "table.csv"), dataset=CSV)
    csv.save(TABLE)
    assert shape(measure(csv)) == (3, 2)
    parts = PartsDataset(filepath=str(tmp_path / "parts"))
    parts.save({"one": TABLE, "two": TABLE})
    assert shape(measure(parts)) == (6, 2)


def test_what_is_damaged_has_no_size(tmp_path: Path) -> None:
    for entry, name in (
        (LazyFrameDataset, "table.parquet"),
        (RecordDataset, "record.json"),
        (ModelDataset, "model.safetensors"),
    ):
        (tmp_path / name).write_bytes(b"{")
        assert measure(entry(filepath=str(tmp_path / name))) == {}


def test_other_files_count_what_they_have(tmp_path: Path) -> None:
    record = RecordDataset(filepath=str(tmp_path / "record.json"))
    record.save({"a": 1, "b": [1, 2], "c": {}})
    assert shape(measure(record)) == (3, 2)
    page = WholeFileDataset(filepath=str(tmp_path / "page.md"), dataset=TEXT)
    page.save("# Title\n\nText.\n")
    assert shape(measure(page)) == (3, 1)
    model = ModelDataset(filepath=str(tmp_path / "model.safetensors"))
    save_file(
        {"bias": np.ones(4), "items": np.ones((9, 2)), "scale": np.ones(())},
        tmp_path / "model.safetensors",
    )
    assert shape(measure(model)) == (9, 2)


def test_a_folder_counts_its_files(tmp_path: Path) -> None:
    TABLE.write_parquet(tmp_path / "details.parquet")
    (tmp_path / "clicks.jsonl").write_text("{}\n")
    assert shape(measure(PartsDataset(filepath=str(tmp_path)))) == (2, 1)
