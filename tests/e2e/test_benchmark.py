"""The benchmark through the command line: all systems, resumed, in one table."""

import json

import polars as pl
import pytest
import yaml

from tronrec.reporting.paper import LABELS

from .conftest import PROJECT, Shop

MODEL = {"hidden_size": 8, "feed_forward": 8, "window": 10}
FEW = {"uniform": 32, "in_batch": 15, "top_k": 10}
"""At most so many negatives."""


def tiny_systems() -> dict[str, object]:
    """Return the systems of Table 2 as they are, but small."""
    text = (PROJECT / "conf/base/parameters_systems.yml").read_text()
    found = {}
    for name, entry in yaml.safe_load(text)["systems"].items():
        own = entry.get("sampling", {})
        sampling = {key: own[key] for key in own.keys() & FEW.keys()}
        for key, most in FEW.items():
            if sampling.get(key, most) is not None:
                sampling[key] = min(most, sampling.get(key, most))
        training = {"epochs": 2, "batch_size": 32, "warmup_steps": 0}
        found[name] = {"model": MODEL, "sampling": sampling, "training": training}
    return found


@pytest.fixture(scope="module")
def shop(otto: Shop, open_shop) -> Shop:
    shop: Shop = open_shop()
    path = shop.conf / "tiny/parameters.yml"
    parameters = yaml.safe_load(path.read_text())
    parameters["otto"] = parameters["otto"] | {
        "benchmark": {"systems": tiny_systems(), "resamples": 100}
    }
    path.write_text(yaml.safe_dump(parameters))
    return shop


def test_all_systems_in_one_table(shop: Shop, otto: Shop, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # tiny tensors gain nothing from more
    raw = f"raw_root={otto.data / '01_raw'}"
    shop.run("--pipeline=benchmark_otto", f"--params={raw}")
    reports = shop.data / "08_reporting/otto"
    results = json.loads((reports / "benchmark.json").read_text())
    assert set(LABELS) <= results.keys()
    for name in LABELS:
        low, high = results[name]["recall@20_interval"]
        assert 0 <= low <= results[name]["recall@20"] <= high <= 1
        assert results[name]["epochs"] == 2
    table = pl.read_csv(reports / "benchmark.csv")
    assert table["system"].to_list() == list(results)
    page = (reports / "benchmark.md").read_text()
    assert all(label in page for label in LABELS.values())
    figure = json.loads((reports / "benchmark_curve.json").read_text())
    assert len(figure["data"]) == len(LABELS)

    again = "--pipeline=benchmark_otto", "--from-nodes=otto.benchmark.train_systems"
    printed = shop.run(*again, f"--params={raw}")
    assert printed.count("Resumed after epoch 2") == len(LABELS)
    assert "epoch 1: loss" not in printed
    assert json.loads((reports / "benchmark.json").read_text()) == results
