from pathlib import Path

import pytest
import torch
from kedro.io import DatasetError

from reference.data import make_card, make_state
from tronrec.checkpoint import Checkpoint
from tronrec.datasets.checkpoint import (
    CheckpointDataset,
    CheckpointFolderDataset,
    LastTrainingsDataset,
    ModelDataset,
    TrainingDataset,
)
from tronrec.errors import UserError
from tronrec.params import RankingParams, SystemParams, TrainingParams


def test_saves_loads_and_exists(tmp_path):
    dataset = CheckpointDataset(filepath=str(tmp_path / "new" / "m.safetensors"))
    assert not dataset.exists()
    dataset.save(Checkpoint({"items": torch.ones(2)}, make_state(epochs=3)))
    assert dataset.exists()
    loaded = dataset.load()
    assert len(loaded.state.history) == 3
    assert torch.equal(loaded.tensors["items"], torch.ones(2))


def test_a_missing_file_is_named_with_what_writes_it(tmp_path):
    with pytest.raises(DatasetError, match="the train_\\* pipeline writes it") as error:
        CheckpointDataset(filepath=str(tmp_path / "m.safetensors")).load()
    assert isinstance(error.value.__cause__, UserError)


def test_a_model_that_is_there_already_is_not_written_again(tmp_path):
    path = tmp_path / "model.safetensors"
    dataset = ModelDataset(filepath=str(path))
    model = Checkpoint({"items": torch.ones(2)}, make_card(epoch=1))
    assert not dataset.holds(model)
    dataset.save(model)
    before = path.stat()
    dataset.save(dataset.load())
    assert path.stat() == before
    other = Checkpoint({"items": torch.zeros(2)}, make_card(epoch=2))
    assert not dataset.holds(other)
    dataset.save(other)
    assert dataset.load().card.epoch == 2
    assert path.stat().st_ino != before.st_ino


def test_a_damaged_model_is_written_again(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"half a model")
    model = Checkpoint({"items": torch.ones(2)}, make_card(epoch=1))
    ModelDataset(filepath=str(path)).save(model)
    assert Checkpoint.load(path).card.epoch == 1


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


class Trainings:
    """A training's file, and those of others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = {"filepath": str(folder / "c.safetensors"), "others": str(folder / "o")}
        self.newest = TrainingDataset(**paths)
        self.last = LastTrainingsDataset(**paths)

    def save(self, seed: int, epochs: int, schedule: str = "cosine") -> str:
        training = TrainingParams(seed=seed, schedule=schedule)
        system = SystemParams(training=training)
        state = make_state(epochs=epochs).model_copy(update={"parameters": system})
        self.newest.save(Checkpoint({"weights": torch.tensor([seed, epochs])}, state))
        return state.key

    def load(self, key: str) -> list[int]:
        return self.last.load()[key]().tensors["weights"].tolist()

    def kept(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("o/*"))


def test_no_training_overwrites_another(tmp_path):
    trainings = Trainings(tmp_path)
    assert trainings.last.load() == {}
    for epochs in (1, 2):
        first = trainings.save(seed=1, epochs=epochs)
    assert trainings.kept() == []
    second = trainings.save(seed=2, epochs=1)
    assert trainings.kept() == [f"{first}-2.safetensors"]
    assert list(trainings.last.load()) == [second, first]
    assert trainings.load(first) == [1, 2]
    assert trainings.load(second) == [2, 1]
    assert trainings.newest.load().tensors["weights"].tolist() == [2, 1]


def test_a_training_that_is_gone_on_with_is_kept_once(tmp_path):
    trainings = Trainings(tmp_path)
    first = trainings.save(seed=1, epochs=1)
    second = trainings.save(seed=2, epochs=1)
    assert trainings.save(seed=1, epochs=2) == first
    assert trainings.kept() == [f"{second}-1.safetensors"]
    assert list(trainings.last.load()) == [first, second]


def test_a_shorter_training_does_not_overwrite_a_longer_one(tmp_path):
    """With a constant rate, the first epochs are the same, whatever their number."""
    trainings = Trainings(tmp_path)
    key = trainings.save(seed=1, epochs=5, schedule="constant")
    assert trainings.save(seed=1, epochs=1, schedule="constant") == key
    assert trainings.kept() == [f"{key}-5.safetensors"]
    assert trainings.load(key) == [1, 1]


def test_ranking_makes_no_other_training():
    state = make_state(epochs=1)
    terms = state.parameters.model_copy(update={"ranking": RankingParams(trend=1)})
    assert state.model_copy(update={"parameters": terms}).key == state.key
    other = state.data.model_copy(update={"fit": "other"})
    assert state.model_copy(update={"data": other}).key != state.key
