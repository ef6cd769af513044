import pytest
import torch
from kedro.io import DatasetError

from reference.data import make_state
from tronrec.checkpoint import Checkpoint
from tronrec.datasets.checkpoint import CheckpointDataset, CheckpointFolderDataset
from tronrec.errors import UserError


def test_saves_loads_and_exists(tmp_path):
    dataset = CheckpointDataset(filepath=str(tmp_path / "new" / "m.safetensors"))
    assert not dataset.exists()
    dataset.save(Checkpoint({"items": torch.ones(2)}, make_state(epochs=3)))
    assert dataset.exists()
    loaded = dataset.load()
    assert len(loaded.state.history) == 3
    assert torch.equal(loaded.tensors["items"], torch.ones(2))


def test_a_missing_file_is_none_where_that_is_fine(tmp_path):
    path = str(tmp_path / "m.safetensors")
    assert CheckpointDataset(filepath=path, missing_ok=True).load() is None


def test_a_missing_file_is_named_with_what_writes_it(tmp_path):
    with pytest.raises(DatasetError, match="the train_\\* pipeline writes it") as error:
        CheckpointDataset(filepath=str(tmp_path / "m.safetensors")).load()
    assert isinstance(error.value.__cause__, UserError)


def test_a_folder_keeps_a_checkpoint_for_each_name(tmp_path):
    dataset = CheckpointFolderDataset(filepath=str(tmp_path / "new"))
    assert dataset.load() == {}
    assert not dataset.exists()
    dataset.save({"one": Checkpoint({"items": torch.ones(2)}, make_state(epochs=1))})
    dataset.save({"two": Checkpoint({"items": torch.ones(2)}, make_state(epochs=1))})
    dataset.save({"one": Checkpoint({"items": torch.zeros(2)}, make_state(epochs=2))})
    assert dataset.exists()
    loaded = {name: len(load().state.history) for name, load in dataset.load().items()}
    assert loaded == {"one": 2, "two": 1}


def test_an_unfinished_file_of_a_folder_is_not_seen(tmp_path):
    (tmp_path / ".one.safetensors.7").touch()
    (tmp_path / ".two.safetensors").touch()
    assert CheckpointFolderDataset(filepath=str(tmp_path)).load() == {}
