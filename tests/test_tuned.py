"""`system: tuned`, from the file that tuning writes to the parameters in force."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tronrec import settings
from tronrec.config import SystemConfigLoader
from tronrec.errors import UserError
from tronrec.params import SystemParams
from tronrec.systems import resolve_parameters

TUNED = SystemParams.model_validate(
    {"sampling": {"top_k": None, "uniform": 99}, "training": {"learning_rate": 0.3}}
).model_dump(mode="json")
del TUNED["training"]["epochs"]


def load(conf: Path, **runtime_params: Any) -> SystemConfigLoader:
    return SystemConfigLoader(
        str(conf),
        env="local",
        runtime_params=runtime_params,
        **settings.CONFIG_LOADER_ARGS,
    )


@pytest.fixture
def tuned(conf: Path, tmp_path: Path) -> Path:
    """A configuration whose data set `otto` was tuned."""
    (conf / "local/globals.yml").write_text(
        yaml.safe_dump({"data_root": str(tmp_path)})
    )
    file = tmp_path / "06_models/otto/tuned_system.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(TUNED))
    return conf


def test_it_is_what_tuning_found(tuned: Path) -> None:
    (tuned / "local/parameters.yml").write_text(
        "otto: {sampling: {uniform: 5}, training: {epochs: 7}}"
    )
    block = load(tuned, otto={"system": "tuned"})["parameters"]["otto"]
    assert block["sampling"]["uniform"] == 99
    assert block["sampling"]["top_k"] is None
    assert block["training"]["learning_rate"] == 0.3
    assert block["training"]["epochs"] == 7


def test_the_command_line_wins(tuned: Path) -> None:
    typed = {"system": "tuned", "sampling": {"uniform": 3, "top_k": 2}}
    sampling = load(tuned, otto=typed)["parameters"]["otto"]["sampling"]
    assert (sampling["uniform"], sampling["top_k"]) == (3, 2)


def test_it_can_be_compared_if_it_is_named(tuned: Path) -> None:
    parameters = load(tuned, otto={"benchmark": {"systems": "tron_xl tuned"}})
    systems = parameters["parameters"]["otto"]["benchmark"]["systems"]
    assert list(systems) == ["tron_xl", "tuned"]
    assert systems["tuned"]["sampling"]["uniform"] == 99
    assert "tuned" not in load(tuned)["parameters"]["otto"]["benchmark"]["systems"]


def test_without_it_the_remedy_is_named(tuned: Path) -> None:
    load(tuned)["parameters"]
    with pytest.raises(UserError, match="--pipelines=tune_yoochoose --params=yoo"):
        load(tuned, yoochoose={"system": "tuned"})["parameters"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "not readable"), ('{"sampling": {"topk": 1}}', "did you mean top_k")],
)
def test_a_damaged_file_is_named(tuned: Path, text: str, problem: str) -> None:
    next(tuned.parent.rglob("tuned_system.json")).write_text(text)
    load(tuned)["parameters"]
    with pytest.raises(UserError, match=f"tuned.*{problem}"):
        load(tuned, otto={"system": "tuned"})["parameters"]


def test_the_search_is_the_same_for_all_data_sets_but_for_differences() -> None:
    parameters = {
        "systems": {"tron_plus": None, "other": {"model": {"layers": 1}}},
        "tuning": {
            "trials": 9,
            "warm_start": ["tron_plus"],
            "space": {"model": {"dropout": {"low": 0, "high": 0.5}}},
        },
        "otto": {
            "tuning": {
                "warm_start": "other",
                "space": {"model": {"dropout": {"high": 0.2}}},
            }
        },
    }
    resolved = resolve_parameters(parameters, ["otto", "yoochoose"])
    otto, yoochoose = (resolved[name]["tuning"] for name in ("otto", "yoochoose"))
    assert otto["trials"] == yoochoose["trials"] == 9
    assert otto["space"]["model"]["dropout"]["high"] == 0.2
    assert yoochoose["space"]["model"]["dropout"]["high"] == 0.5
    assert list(yoochoose["warm_start"]) == ["tron_plus"]
    assert otto["warm_start"]["other"]["model"]["layers"] == 1


@pytest.mark.parametrize(
    ("tuning", "problem"),
    [
        ({"trails": 9}, "tuning.trails: unknown parameter; did you mean trials?"),
        (
            {"space": {"model": {"dropout": {"low": 0, "hihg": 1}}}},
            "tuning.space.model.dropout.hihg: unknown parameter; did you mean high?",
        ),
        (
            {"space": {"model": {"dropuot": {"low": 0, "high": 1}}}},
            "tuning: space.model.dropuot: there is no such parameter",
        ),
        ({"warm_start": ["tron_xxl"]}, "tuning.warm_start.tron_xxl: unknown; did you"),
        ({"trials": None}, "tuning: trials and minutes are null; set one"),
    ],
)
def test_a_bad_search_is_named(tuning: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve_parameters({"systems": {"tron_plus": None}, "tuning": tuning}, ["otto"])
    assert str(caught.value).count(problem) == 1
