"""Recommending to all live sessions: killed and run again, it ends the same."""

import json
import shutil
import signal
from pathlib import Path

import polars as pl
import pytest

import tronrec

from .conftest import Shop, wait_until

SMALL = "otto.recommendation.sessions_of_a_part=1,otto.recommendation.k=5"


@pytest.fixture(scope="module")
def trained(open_shop) -> Shop:
    shop: Shop = open_shop()
    shop.run("--pipeline=simulate_otto", "--params=otto.simulation.sessions=800")
    shop.run("--pipeline=train_otto")
    raw = shop.data / "01_raw/otto"
    shutil.copy(raw / "otto-recsys-test.jsonl", raw / "live-sessions.jsonl")
    return shop


def parts(shop: Shop) -> list[Path]:
    folder = shop.data / "07_model_output/otto/recommendations"
    return sorted(folder.glob("*.parquet"))


def contents(shop: Shop) -> dict[str, bytes]:
    return {part.name: part.read_bytes() for part in parts(shop)}


def test_a_killed_run_goes_on_to_the_same_bytes(trained: Shop):
    command = ["--pipeline=recommend_otto", f"--params={SMALL}"]
    trained.run(*command)
    whole = contents(trained)
    assert len(whole) > 100
    shutil.rmtree(parts(trained)[0].parent)
    process = trained.start(*command)
    try:
        wait_until(lambda: len(parts(trained)) > 2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    begun = parts(trained)
    assert len(begun) < len(whole)
    written = {part: part.stat().st_mtime_ns for part in begun}
    trained.run(*command, "--from-nodes=otto.recommendation.recommend_items")
    assert contents(trained) == whole
    assert all(part.stat().st_mtime_ns == time for part, time in written.items())


def test_sessions_get_what_the_model_recommends(trained: Shop):
    trained.run("--pipeline=recommend_otto", "--params=otto.recommendation.k=7")
    [part] = parts(trained)  # those of the run before are gone
    found = pl.read_parquet(part)
    clicks = pl.read_parquet(
        trained.data / "02_intermediate/otto/live_sessions.parquet"
    )
    sessions = clicks.group_by("session_id", maintain_order=True).agg("item_id")
    model = tronrec.load(trained.data / "06_models/otto/model.safetensors")
    expected = model.recommend(sessions["item_id"].to_list(), k=7)
    assert found["item"].to_list() == expected["item"].to_list()
    assert (
        found["session"].to_list()
        == sessions["session_id"].repeat_by(7).explode().to_list()
    )
    report = trained.data / "08_reporting/otto/recommendation_report.json"
    counts = json.loads(report.read_text())
    assert counts["sessions"] == sessions.height == counts["recommended_sessions"]


def test_missing_live_sessions_are_named(otto: Shop):
    error = otto.fail("--pipeline=recommend_otto")
    assert "live-sessions.jsonl" in error
