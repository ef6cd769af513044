import os

import pytest
import torch
from safetensors.torch import save_file

from reference.data import make_card, make_state
from tronrec.checkpoint import Checkpoint, with_prefix
from tronrec.errors import UserError


@pytest.fixture
def checkpoint() -> Checkpoint:
    tensors = with_prefix("model", {"items": torch.randn(5, 3)})
    return Checkpoint(tensors | {"steps": torch.tensor(7)}, make_state(epochs=1))


@pytest.mark.parametrize("facts", [make_state(epochs=2), make_card(epoch=3)])
def test_round_trip(checkpoint, facts, tmp_path):
    Checkpoint(checkpoint.tensors, facts).save(tmp_path / "c.safetensors")
    loaded = Checkpoint.load(tmp_path / "c.safetensors")
    assert loaded.facts == facts
    assert loaded.tensors.keys() == checkpoint.tensors.keys()
    assert torch.equal(loaded.part("model")["items"], checkpoint.part("model")["items"])
    assert [file.name for file in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_model_is_no_training_and_a_training_no_model(checkpoint):
    with pytest.raises(UserError, match=r"name the file model\.safetensors"):
        _ = checkpoint.card
    with pytest.raises(UserError, match=r"name the file checkpoint\.safetensors"):
        _ = Checkpoint({}, make_card(epoch=1)).state


def test_a_failed_save_leaves_the_old_file_and_nothing_else(
    checkpoint, tmp_path, monkeypatch
):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path)
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["c.safetensors"]


@pytest.mark.parametrize("keep", [0, 4, 50, -1])
def test_a_torn_file_is_named(checkpoint, tmp_path, keep):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"c\.safetensors: not a readable"):
        Checkpoint.load(path)


def test_a_pickle_is_not_run(tmp_path):
    path = tmp_path / "c.safetensors"
    torch.save({"items": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="not a readable"):
        Checkpoint.load(path)


def test_a_file_of_another_version_is_refused(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    monkeypatch.setattr("tronrec.checkpoint.VERSION", 3)
    checkpoint.save(path)
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"of version 3 .* run the train_\* pipeline"):
        Checkpoint.load(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"tronrec-1": "{}"}, "of version 1 of the file format"),
        ({"format": "pt"}, "not a readable"),
        ({"tronrec": "[]"}, "not a readable"),
        ({"tronrec": "{"}, "not a readable"),
        ({"tronrec": '{"version": 2, "facts": {"kind": "x"}}'}, "not a readable"),
    ],
)
def test_a_file_of_another_writer_is_refused(tmp_path, metadata, message):
    path = tmp_path / "c.safetensors"
    save_file({"items": torch.zeros(3)}, path, metadata)
    with pytest.raises(UserError, match=message):
        Checkpoint.load(path)
