"""Packed sessions as a catalog entry."""

from pathlib import Path

import numpy as np
import pytest
from kedro.io import DatasetError

from tronrec.data.packed import PackedSessions
from tronrec.datasets import PackedSessionsDataset
from tronrec.errors import UserError

SESSIONS = PackedSessions(np.array([4, 2, 4], np.int32), np.array([0, 2, 3], np.int64))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "sessions.safetensors"


@pytest.fixture
def dataset(path: Path) -> PackedSessionsDataset:
    return PackedSessionsDataset(filepath=str(path))


def test_what_is_saved_is_loaded(dataset: PackedSessionsDataset) -> None:
    assert not dataset.exists()
    dataset.save(SESSIONS)
    assert dataset.exists()
    assert dataset.load().items.tolist() == [4, 2, 4]
    assert dataset.load().offsets.tolist() == [0, 2, 3]
    assert "sessions.safetensors" in str(dataset)


def test_a_damaged_file_is_an_error_of_the_user(
    dataset: PackedSessionsDataset, path: Path
) -> None:
    dataset.save(SESSIONS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert isinstance(caught.value.__cause__, UserError)
