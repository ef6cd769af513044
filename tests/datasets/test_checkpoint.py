import pytest
import torch
from kedro.io import DatasetError

from tronrec.checkpoint import Checkpoint
from tronrec.datasets.checkpoint import CheckpointDataset
from tronrec.errors import UserError


def test_saves_loads_and_exists(tmp_path):
    dataset = CheckpointDataset(filepath=str(tmp_path / "new" / "m.safetensors"))
    assert not dataset.exists()
    dataset.save(Checkpoint({"items": torch.ones(2)}, {"epoch": 3}))
    assert dataset.exists()
    loaded = dataset.load()
    assert loaded.facts == {"epoch": 3}
    assert torch.equal(loaded.tensors["items"], torch.ones(2))


def test_a_missing_file_is_none_where_that_is_fine(tmp_path):
    path = str(tmp_path / "m.safetensors")
    assert CheckpointDataset(filepath=path, missing_ok=True).load() is None


def test_a_missing_file_is_named_with_what_writes_it(tmp_path):
    with pytest.raises(DatasetError, match="the train_\\* pipeline writes it") as error:
        CheckpointDataset(filepath=str(tmp_path / "m.safetensors")).load()
    assert isinstance(error.value.__cause__, UserError)
