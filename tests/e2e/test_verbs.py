"""Every verb through the command line, on every format."""

import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from tronrec.checkpoint import Checkpoint
from tronrec.model_file import ModelFile

from .conftest import Shop

REPORTS = ["recall_curve.json", "report.html", "report.json", "run.json"]
REPORTS += ["statistics.md", "summary.md"]


@pytest.fixture(scope="module", params=["otto", "yoochoose", "diginetica"])
def trained(request, open_shop: Callable[[], Shop]) -> tuple[str, Shop]:
    shop, dataset = open_shop(), request.param
    shop.run(f"--pipeline=simulate_{dataset}")
    shop.run(f"--pipeline=train_{dataset}")
    return dataset, shop


def test_train_goes_from_raw_files_to_the_report(trained):
    dataset, shop = trained
    reports = shop.data / "08_reporting" / dataset
    metrics = json.loads((reports / "metrics.json").read_text())
    assert metrics["system"] == "tron_xl"
    assert 0 < metrics["metrics"]["recall@20"] <= 1
    assert metrics["baselines"].keys() >= {"most_popular", "last_item", "item_knn"}
    assert all((reports / name).stat().st_size for name in REPORTS)
    read = json.loads((reports / "ingestion_report.json").read_text())
    summary = (reports / "summary.md").read_text()
    assert (
        f"| events in the training files |  | {read['train']['events']:,} |" in summary
    )
    assert f"| clicks |  | {read['clicks']:,} |" in summary
    low, high = metrics["intervals"]["tron_xl"]["recall@20"]
    recall = metrics["metrics"]["recall@20"]
    assert low <= recall <= high
    assert f"| recall@20 | {recall:.4f} [{low:.4f}, {high:.4f}] |" in summary
    days = json.loads((reports / "days.json").read_text())
    assert sum(days["clicks"]) == read["clicks"]
    history = pl.read_parquet(shop.data / "06_models" / dataset / "history.parquet")
    assert history["epoch"].to_list() == [1, 2]
    assert history["validation_mrr@20"].null_count() == 0


def test_the_model_file_serves_alone(trained):
    dataset, shop = trained
    saved = Checkpoint.load(shop.data / "06_models" / dataset / "model.safetensors")
    items = pl.read_parquet(shop.data / "05_model_input" / dataset / "items.parquet")
    assert saved.tensors["item_ids"].tolist() == items["item_id"].to_list()
    assert ModelFile.read(saved).model.num_items == items.height


def test_no_temporary_file_is_left(trained):
    _, shop = trained
    assert not [name for name in shop.files() if name.rsplit("/")[-1].startswith(".")]


def test_evaluate_repeats_the_measurement(trained):
    dataset, shop = trained
    path = shop.data / "08_reporting" / dataset / "metrics.json"
    before = path.read_text()
    path.unlink()
    shop.run(f"--pipeline=evaluate_{dataset}", f"--params={dataset}.device=cpu")
    assert path.read_text() == before


def test_a_finished_run_is_not_trained_again(trained):
    dataset, shop = trained
    path = shop.data / "06_models" / dataset / "model.safetensors"
    before = Checkpoint.load(path)
    printed = shop.run(f"--pipeline=train_{dataset}")
    assert "Resumed after epoch 2" in printed
    assert "epoch 1: loss" not in printed
    assert np.array_equal(before.tensors["model.item_embeddings"], read_items(path))


def test_runs_are_kept_and_put_side_by_side(trained):
    dataset, shop = trained
    reports = shop.data / "08_reporting" / dataset
    before = max((reports / "runs").iterdir())
    for name in ("run.json", "summary.md", "report.html"):
        assert (before / name).read_bytes() == (reports / name).read_bytes()
    seed = f"--params={dataset}.training.seed=3"
    start = f"{dataset}.training.train_model,{dataset}.evaluation.evaluate_baselines"
    shop.run(f"--pipeline=train_{dataset}", f"--from-nodes={start}", seed)
    table = shop.tell("runs", dataset)
    lines = [line for line in table.splitlines() if "-tron_xl" in line]
    assert lines[-2].split()[1] == before.name
    assert "training.seed=0" in lines[-2]
    run = json.loads((reports / "run.json").read_text())
    assert f"{run['metrics']['metrics']['recall@20']:.4f} [" in lines[-1]
    assert lines[-1].split()[1] in (reports / "runs.html").read_text()
    removed = shop.tell("runs", dataset, "--keep=1")
    assert f"Removed {before.name}" in removed
    assert not before.exists()
    assert len(list((reports / "runs").iterdir())) == 1


def read_items(path) -> np.ndarray:
    return Checkpoint.load(path).tensors["model.item_embeddings"].numpy()
