"""A folder of Parquet files, each whole or absent."""

import polars as pl
import pytest
from kedro.io import DatasetError
from polars.testing import assert_frame_equal

from tronrec.datasets import PartsDataset
from tronrec.errors import UserError

TABLE = pl.DataFrame({"session": [1, 2], "item": ["a", "b"]})


def test_parts_are_added_replaced_and_removed(tmp_path):
    dataset = PartsDataset(filepath=str(tmp_path / "parts"))
    assert not dataset.exists() and dataset.load() == {}
    dataset.save({"a": TABLE, "b": TABLE})
    dataset.save({"b": TABLE[:1], "c": TABLE})
    dataset.save({"a": None, "never": None})
    read = {name: load() for name, load in dataset.load().items()}
    assert dataset.exists() and read.keys() == {"b", "c"}
    assert_frame_equal(read["b"], TABLE[:1])
    assert_frame_equal(read["c"], TABLE)


def test_a_part_that_is_cut_off_is_named(tmp_path):
    dataset = PartsDataset(filepath=str(tmp_path))
    dataset.save({"a": TABLE, "b": TABLE})
    (tmp_path / "b.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:99])
    assert_frame_equal(dataset.load()["a"](), TABLE)
    with pytest.raises(UserError, match=r"b\.parquet: no readable Parquet .*delete it"):
        dataset.load()["b"]()


def test_a_part_that_cannot_be_written_leaves_the_old_one(tmp_path):
    dataset = PartsDataset(filepath=str(tmp_path))
    dataset.save({"a": TABLE})
    with pytest.raises(DatasetError, match="cannot write"):
        dataset.save({"a": pl.DataFrame({"x": [object()]})})
    assert_frame_equal(dataset.load()["a"](), TABLE)
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]
