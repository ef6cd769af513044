"""Parquet files that are read lazily and replaced in one move."""

import inspect
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from kedro.io import DatasetError
from polars.testing import assert_frame_equal

from reference.clicks import EPOCH, Click, table
from tronrec.data.formats import FORMATS
from tronrec.data.reading.ingest import scan_events
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.datasets import LazyFrameDataset
from tronrec.errors import UserError
from tronrec.params import IngestionParams

CLICKS = table([Click(1, 2, EPOCH), Click(1, 3, EPOCH)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "clicks.parquet"


@pytest.fixture
def dataset(path: Path) -> LazyFrameDataset:
    return LazyFrameDataset(filepath=str(path))


@pytest.mark.parametrize("data", [CLICKS, CLICKS.collect()])
def test_what_is_saved_is_loaded(
    dataset: LazyFrameDataset, data: pl.LazyFrame | pl.DataFrame, path: Path
) -> None:
    assert not dataset.exists()
    dataset.save(data)
    assert dataset.exists()
    assert isinstance(dataset.load(), pl.LazyFrame)
    assert_frame_equal(dataset.load(), CLICKS)
    assert list(path.parent.iterdir()) == [path]


def test_a_query_over_the_file_can_be_saved_to_it(dataset: LazyFrameDataset) -> None:
    numbers = pl.LazyFrame({"number": range(1_000_000)})
    dataset.save(numbers)
    dataset.save(dataset.load().with_columns(pl.col("number") + 1))
    assert (
        dataset.load().select(pl.col("number").sum()).collect().item() == 500000500000
    )


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    dataset = LazyFrameDataset(filepath=str(tmp_path / "[1]" / "clicks*.parquet"))
    dataset.save(CLICKS)
    assert_frame_equal(dataset.load(), CLICKS)


def test_what_is_read_at_once_is_named_wherever_it_is_damaged(path: Path) -> None:
    dataset = LazyFrameDataset(filepath=str(path), collect=True)
    numbers = np.random.default_rng(0).integers(0, 200, 100_000)
    dataset.save(pl.LazyFrame({"number": numbers.astype(str)}))
    content = bytearray(path.read_bytes())
    content[100:-2000] = bytes(len(content) - 2100)
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"clicks\.parquet: no readable Parquet"):
        dataset.load()


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
@pytest.mark.parametrize("collect", [False, True])
def test_a_file_that_is_cut_off_is_named(
    share: float, collect: bool, dataset: LazyFrameDataset, path: Path
) -> None:
    dataset.save(CLICKS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DatasetError) as caught:
        LazyFrameDataset(filepath=str(path), collect=collect).load()
    assert isinstance(caught.value.__cause__, UserError)
    problem = f"{path}: no readable Parquet"
    assert str(caught.value.__cause__).startswith(problem)
    assert "delete it and run the pipeline" in str(caught.value.__cause__)


def test_an_error_of_the_user_stays_one_and_leaves_the_file_alone(
    dataset: LazyFrameDataset, path: Path, tmp_path: Path
) -> None:
    dataset.save(CLICKS)
    raw = tmp_path / "yoochoose-clicks.dat"
    raw.write_text("1,yesterday,2,0\n")
    with pytest.raises(DatasetError) as caught:
        dataset.save(
            scan_events(
                RawLog(FORMATS["yoochoose"], (RawFile(str(raw)),)), IngestionParams()
            )
        )
    assert isinstance(caught.value.__cause__, UserError)
    assert "yoochoose-clicks.dat:1: the time must be valid" in str(
        caught.value.__cause__
    )
    assert_frame_equal(dataset.load(), CLICKS)
    assert list(path.parent.iterdir()) == [path]


def test_options_reach_polars(path: Path) -> None:
    dataset = LazyFrameDataset(
        filepath=str(path), load_args={"n_rows": 1}, save_args={"compression": "lz4"}
    )
    dataset.save(CLICKS)
    assert dataset.load().collect().height == 1
    assert "lz4" in str(dataset)


def test_the_preview_is_what_kedro_viz_can_show(dataset: LazyFrameDataset) -> None:
    dataset.save(CLICKS)
    preview = dataset.preview(nrows=1)
    assert json.loads(json.dumps(preview)) == {
        "index": [0],
        "columns": ["session_id", "item_id", "timestamp", "test_file"],
        "data": [["1", "2", "2022-08-01 00:00:00.000000+00:00", "false"]],
    }
    annotation = inspect.signature(dataset.preview).return_annotation
    assert annotation.__name__ == "TablePreview"
