"""The online experiment through the command line: from made-up logs to Figure 2."""

import json
import shutil

import polars as pl
import pytest
import yaml

from .conftest import Shop

SIMULATED = {"visitors": 8000, "click_share": 0.2}


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    shop: Shop = open_shop()
    path = shop.conf / "tiny/parameters.yml"
    parameters = yaml.safe_load(path.read_text())
    parameters["shop"] = parameters["shop"] | {"simulated_test": SIMULATED}
    path.write_text(yaml.safe_dump(parameters))
    shop.run("--pipelines=simulate_experiment_shop,experiment_shop")
    return shop


def test_a_planned_test_ends_with_figure_2(shop: Shop):
    reports = shop.data / "08_reporting/shop/experiment"
    results = json.loads((reports / "results.json").read_text())
    assert sum(results["visitors"].values()) == 8000
    table = pl.read_csv(reports / "uplifts.csv")
    assert table.height == 6
    assert (table["always_low"] < table["truth"]).all()
    assert (table["truth"] < table["always_high"]).all()
    page = (reports / "experiment.md").read_text()
    assert "Against SASRec, the test shows: TRON XL-Negs" in page
    assert json.loads((reports / "uplift.json").read_text())["data"]
    assert json.loads((reports / "uplift_days.json").read_text())["data"]


def test_a_real_log_is_analysed_alone_and_never_overwritten(shop: Shop):
    logs = shop.data / "01_raw/experiment/shop"
    (logs / "truth.json").unlink()
    for kind in ("exposures", "outcomes"):
        (logs / kind / "simulated.parquet").rename(logs / kind / f"{kind}-1.parquet")
    shop.run("--pipelines=experiment_shop")
    table = pl.read_csv(shop.data / "08_reporting/shop/experiment/uplifts.csv")
    assert table["truth"].null_count() == 6
    message = shop.fail("--pipelines=simulate_experiment_shop")
    assert "they are not overwritten" in message


def test_an_unsound_test_stops_with_the_reason(shop: Shop):
    weights = "shop.experiment.groups.sasrec=2,shop.experiment.groups.sasrec_ssm=1"
    message = shop.fail(
        "--pipelines=experiment_shop",
        f"--params={weights},shop.experiment.groups.tron_xl=1",
    )
    assert "the groups are not as large as their weights say: sasrec 2," in message


def test_no_log_is_one_plain_message(open_shop):
    message = open_shop().fail("--pipelines=experiment_shop")
    assert "exposures: no exposures. A service that takes part" in message


MODEL = {"hidden_size": 8, "feed_forward": 8, "window": 10}
SYSTEMS = {
    "sasrec": {"model": MODEL},
    "tron_xl": {
        "model": MODEL,
        "sampling": {"uniform": 32, "in_batch": 15, "top_k": 10},
    },
}


def test_trained_systems_are_tested_on_the_test_sessions(otto: Shop, open_shop):
    shop: Shop = open_shop()
    path = shop.conf / "tiny/parameters.yml"
    parameters = yaml.safe_load(path.read_text())
    parameters["otto"] = parameters["otto"] | {
        "benchmark": {"systems": SYSTEMS},
        "experiment": {"groups": {"sasrec": 1, "tron_xl": 1}},
        "replayed_test": {"epochs": 1, "list_length": 30, "click_share": 1},
    }
    path.write_text(yaml.safe_dump(parameters))
    # Lists are shown next to the raw clicks, so these are this shop's own.
    shutil.copytree(otto.data / "01_raw", shop.data / "01_raw")
    shop.run("--pipelines=experiment_otto")
    table = pl.read_csv(shop.data / "08_reporting/otto/experiment/uplifts.csv")
    assert table["group"].unique().to_list() == ["tron_xl"]
    assert table["truth"].null_count() == 0
    shown = pl.read_parquet(shop.data / "01_raw/experiment/otto/exposures")
    items = pl.read_parquet(shop.data / "05_model_input/otto/items.parquet")
    assert set(shown["items"].explode()) <= set(items["item_id"])
    checkpoints = shop.data / "06_models/otto/experiment"
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        "sasrec.safetensors",
        "tron_xl.safetensors",
    ]
    message = shop.fail(
        "--pipelines=experiment_otto",
        "--from-nodes=otto.replay.train_groups",
        "--params=otto.experiment.groups.mystery=1",
    )
    assert "no system is called mystery; a replayed test knows" in message
