"""JSON files that are replaced in one move."""

from pathlib import Path

import pytest
from kedro.io import DatasetError

from tronrec.datasets import RecordDataset


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "record.json"
    dataset = RecordDataset(filepath=str(path))
    assert not dataset.exists()
    dataset.save({"clicks": 5, "reason": "ü"})
    assert dataset.exists()
    assert dataset.load() == {"clicks": 5, "reason": "ü"}
    with pytest.raises(DatasetError):
        dataset.save({"share": float("nan")})
    assert dataset.load()["clicks"] == 5
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_may_be_missing_is_empty_and_still_to_be_made(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "record.json")
    dataset = RecordDataset(filepath=path, missing_ok=True)
    assert dataset.load() == {}
    assert not dataset.exists()
    with pytest.raises(DatasetError):
        RecordDataset(filepath=path).load()
