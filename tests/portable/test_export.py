"""The ONNX file recommends what the model recommends, for every system."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import yaml

from reference.trained import ITEMS, make_file
from tronrec.answers import Request
from tronrec.errors import UserError
from tronrec.params import SystemParams
from tronrec.portable.export import export_model
from tronrec.recommend import TrainedModel
from tronrec.systems import System

SYSTEMS = yaml.safe_load(
    (Path(__file__).parents[2] / "conf/base/parameters_systems.yml").read_text()
)["systems"]
SMALL = {"hidden_size": 8, "feed_forward": 12, "window": 9}


def padded(sessions: list[list[int]]) -> np.ndarray:
    longest = max(map(len, sessions))
    return np.array([s + [0] * (longest - len(s)) for s in sessions])


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    "name", [*SYSTEMS, "two heads, both readouts", "two layers of a GRU", "two members"]
)
def test_the_file_has_the_scores_of_the_model(name, plain, tmp_path):
    if name in SYSTEMS:
        block = System.read(name, SYSTEMS[name]).everywhere
        shape = SystemParams.model_validate(block).model.model_dump() | SMALL
    elif "members" in name:
        shape = {"members": 2, "readout": "both", "temperature": 0.1} | SMALL
    elif "GRU" in name:
        shape = {"encoder": "gru", "layers": 2} | SMALL
    else:
        shape = {"heads": 2, "readout": "both", "layers": 2} | SMALL
    source, path = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    file = make_file(1, plain=plain, **shape)
    file.checkpoint().save(source)
    export_model(source, path, k=12)
    session = onnxruntime.InferenceSession(path)
    facts = session.get_modelmeta().custom_metadata_map
    ids = json.loads(facts["item_ids"])
    assert ids == file.item_ids.to_list() and facts["window"] == "9"
    rng = np.random.default_rng(0)
    model = TrainedModel.load(source, "cpu")
    for count in (1, 7):
        sessions = [
            rng.integers(1, ITEMS + 1, rng.integers(1, 10)).tolist()
            for _ in range(count)
        ]
        best, scores = session.run(None, {"items": padded(sessions)})
        answers = model.answer(
            [Request([ids[n - 1] for n in one], k=12) for one in sessions]
        )
        for numbers, values, answer in zip(best, scores, answers, strict=True):
            np.testing.assert_allclose(values, answer.scores, rtol=1e-4, atol=1e-4)
            assert [ids[number - 1] for number in numbers] == answer.items


def test_what_cannot_be_exported_is_refused(tmp_path):
    source, path = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    with pytest.raises(UserError, match="no such file"):
        export_model(source, path, k=12)
    make_file().checkpoint().save(source)
    with pytest.raises(UserError, match="k = 0: must be from 1"):
        export_model(source, path, k=0)
    assert not path.exists()
    with pytest.raises(UserError, match=f"{tmp_path} is a folder; name a file in it"):
        export_model(source, tmp_path, k=12)


def test_the_command_writes_the_file(python, tmp_path):
    source, path = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    command = ("-m", "tronrec", "export", f"--model={source}", f"--onnx={path}")
    done = python(*command)
    assert done.returncode == 1 and "Error: " in done.stderr and not path.exists()
    make_file().checkpoint().save(source)
    done = python(*command)
    assert done.returncode == 0, done.stderr
    best, _ = onnxruntime.InferenceSession(path).run(None, {"items": padded([[1, 2]])})
    assert best.shape == (1, 20)
