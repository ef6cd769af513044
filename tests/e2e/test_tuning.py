"""A search, and a training with what it found."""

import json

import polars as pl
import pytest
import yaml

from .conftest import Shop

SPACE = {
    "sampling": {
        "uniform": {"low": 16, "high": 64, "log": True},
        "in_batch": {"low": 0, "high": 15},
        "top_k": {"low": 2, "high": 16, "or_null": True},
    },
    "loss": {
        "name": {"choices": ["sampled_softmax", "bpr_max"]},
        "penalty": {"low": 0.01, "high": 0.5, "when": {"loss.name": ["bpr_max"]}},
    },
    "training": {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}},
}


@pytest.fixture(scope="module")
def tuned(otto: Shop, open_shop) -> Shop:
    shop: Shop = open_shop()
    tuning = {
        "trials": 3,
        "epochs": 1,
        "storage": "journal",
        "warm_start": {"sasrec_m_negs": {"training": {"batch_size": 64}}},
        "space": SPACE,
    }
    (shop.conf / "base/parameters_tuning.yml").write_text(
        yaml.safe_dump({"tuning": tuning})
    )
    shop.run("--pipeline=prepare_otto", f"--params=raw_root={otto.data / '01_raw'}")
    (shop.data / "05_model_input/otto/test_sessions.safetensors").unlink()
    shop.run("--pipeline=tune_otto", "--from-nodes=otto.tuning.open_study")
    return shop


def test_the_search_needs_no_test_sessions(tuned: Shop) -> None:
    trials = pl.read_parquet(tuned.data / "08_reporting/otto/tuning/trials.parquet")
    assert trials["state"].is_in(["complete", "pruned"]).all()
    assert trials["warm_start"].to_list() == ["as_configured", "sasrec_m_negs", None]
    plots = sorted((tuned.data / "08_reporting/otto/tuning").glob("*.json"))
    assert [plot.stem for plot in plots] == [
        *("history", "importances", "parallel", "pareto", "slices"),
    ]
    assert "test_sessions" not in "".join(tuned.files())


def test_training_takes_what_was_found(tuned: Shop, otto: Shop) -> None:
    raw = f"raw_root={otto.data / '01_raw'}"
    tuned.run("--pipeline=train_otto", f"--params={raw},otto.system=tuned")
    found = json.loads((tuned.data / "06_models/otto/tuned_system.json").read_text())
    run = json.loads((tuned.data / "08_reporting/otto/metrics.json").read_text())
    assert run["system"] == "tuned"
    for block in ("sampling", "loss"):
        assert run["parameters"][block] == found[block]
    assert run["parameters"]["training"]["epochs"] == 2
    rate = found["training"]["learning_rate"]
    assert run["parameters"]["training"]["learning_rate"] == rate


def test_what_was_not_tuned_cannot_be_trained(tuned: Shop) -> None:
    error = tuned.fail("--pipeline=train_shop", "--params=shop.system=tuned")
    assert "tuned_system.json: tuning has not run; `kedro run" in error
    assert "--pipelines=tune_shop --params=shop.system=tron_xl` makes it" in error
