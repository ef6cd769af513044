"""A model is refreshed from a later log, with items that it has never seen."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import tronrec
from tronrec.checkpoint import Checkpoint

from .conftest import Shop, wait_until

WINDOW = "shop.refresh.window_days=14"
NEW = 1_000_000
"""Added to the ids of some items, from a day on."""
NOTES = "08_reporting/shop/recipes", "08_reporting/shop/node_runs"
"""What every run writes."""


class Growing:
    """A shop with a trained model, and a log that has grown since then."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.log = shop.data / "01_raw/shop/events.csv"
        self.model = shop.data / "06_models/shop/model.safetensors"

    def refresh(self, *params: str) -> str:
        given = ",".join((WINDOW, *params))
        return self.shop.run("--pipeline=refresh_shop", f"--params={given}")

    @property
    def report(self) -> dict:
        path = self.shop.data / "08_reporting/shop/refresh_report.json"
        return json.loads(path.read_text())

    def copy(self, open_shop: Callable[[], Shop]) -> "Growing":
        other = open_shop()
        shutil.copytree(self.shop.data, other.data)
        return Growing(other)


@pytest.fixture(scope="module")
def grown(open_shop: Callable[[], Shop]) -> Growing:
    shop: Shop = open_shop()
    shop.run("--pipeline=simulate_shop", "--params=shop.simulation.sessions=800")
    growing = Growing(shop)
    whole = pl.concat(
        [
            pl.read_csv(file, try_parse_dates=True)
            for file in growing.log.parent.glob("*.csv")
        ]
    )
    for file in growing.log.parent.glob("*.csv"):
        file.unlink()
    begins = pl.col("timestamp").min().over("session_id")
    day = (begins - whole["timestamp"].min()).dt.total_days()
    renamed = (day > 18) & (pl.col("item_id") % 5 == 0)
    item = pl.col("item_id") + pl.when(renamed).then(NEW).otherwise(0)
    whole = whole.with_columns(item, day.alias("day")).sort("timestamp")
    whole.filter(pl.col("day") <= 18).drop("day").write_csv(growing.log)
    shop.run("--pipeline=train_shop")
    whole.drop("day").write_csv(growing.log)
    return growing


def content(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_ino


def test_the_new_model_knows_the_new_items(grown: Growing, open_shop):
    growing = grown.copy(open_shop)
    before = Checkpoint.load(growing.model)
    files = {
        name: (growing.shop.data / name).read_bytes()
        for name in growing.shop.files()
        if not name.startswith((".locks", *NOTES))
    }
    printed = growing.refresh("shop.refresh.tolerance=1")
    assert "The new model takes the former one's place; on the newest" in printed
    report = growing.report
    assert report["decision"] == "replaced"
    assert report["former_trained"] == before.card.trained.isoformat()
    assert report["items"]["new"] > 0
    model = tronrec.load(growing.model)
    new = [item for item in model.item_ids if item > NEW]
    assert 0 < len(new) <= report["items"]["new"]
    assert model.card.data.origin == before.fingerprint()
    assert model.recommend([[new[0]]], k=5).height == 5
    now = {name: (growing.shop.data / name).read_bytes() for name in files}
    changed = {name for name in files if now[name] != files[name]}
    assert changed == {"06_models/shop/model.safetensors"}
    # The same log once more: there is nothing to learn.
    model_file = content(growing.model)
    assert "Nothing has been clicked since" in growing.refresh()
    assert content(growing.model) == model_file


def test_a_worse_model_stays_out(grown: Growing, open_shop):
    growing = grown.copy(open_shop)
    before = content(growing.model)
    printed = growing.refresh("shop.refresh.tolerance=-1")
    assert "The former model stays: the new one is not better by 1" in printed
    assert content(growing.model) == before
    assert growing.report["decision"] == "kept"
    assert growing.report["metrics"]["former"].keys() >= {
        "recall@20_interval",
        "mrr@20_p",
    }
    # What was trained is judged again where only the tolerance has changed.
    printed = growing.refresh("shop.refresh.tolerance=1")
    assert "Resumed after epoch 2" in printed
    assert growing.report["decision"] == "replaced"
    assert content(growing.model) != before


def test_a_killed_refresh_leaves_the_former_model_and_is_gone_on_with(grown, open_shop):
    growing = grown.copy(open_shop)
    before = content(growing.model)
    params = f"{WINDOW},shop.refresh.tolerance=1,shop.refresh.epochs=12"
    command = ["--pipeline=refresh_shop", f"--params={params}"]
    checkpoint = growing.shop.data / "06_models/shop.refresh/checkpoint.safetensors"
    process = growing.shop.start(*command)
    try:
        wait_until(checkpoint.exists)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert content(growing.model) == before
    done = len(Checkpoint.load(checkpoint).state.history)
    assert done < 12
    printed = growing.shop.run(*command, "--only-missing-outputs")
    assert f"Resumed after epoch {done}" in printed
    assert "Completed node: shop.refresh.training.train_on_window" in printed
    assert "Completed node: shop.refresh.keep_window" not in printed
    assert growing.report["decision"] == "replaced"
    assert len(growing.report["epochs"]) == 12
    assert content(growing.model) != before


def test_what_cannot_be_refreshed_is_said(grown: Growing, open_shop):
    growing = grown.copy(open_shop)
    refresh = "--pipeline=refresh_shop"
    error = growing.shop.fail(refresh, "--params=shop.splitting.validation_days=0")
    assert "splitting.validation_days (0): a refresh is judged" in error
    error = growing.shop.fail(refresh, f"--params={WINDOW},shop.model.hidden_size=16")
    assert "trained with model.hidden_size = 8 (now 16)" in error
    growing.model.unlink()
    error = growing.shop.fail(refresh)
    assert "shop.former_model: `kedro run --pipelines=train_shop` makes them" in error
