"""Finished runs in MLflow: what goes there, and what happens if it cannot."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from kedro.config import MissingConfigException
from kedro.io import DataCatalog

from tronrec.datasets.checkpoint import ModelDataset
from tronrec.datasets.runs import RunsDataset
from tronrec.errors import UserError
from tronrec.hooks import MlflowRuns
from tronrec.hooks.mlflow_runs import _flat

METRICS = {
    "system": "tron_xl",
    "epoch": 2,
    "metrics": {"recall@20": 0.5, "mrr@20": 0.25},
    "baselines": {"last_item": {"recall@20": 0.125}},
    "intervals": {"tron_xl": {"recall@20": [0.4, 0.6]}, "last_item": {}},
}
RECORD = {
    "dataset": "otto",
    "finished_at": "2026-11-26T05:42:09+00:00",
    "parameters": {"training": {"epochs": 2, "patience": None}, "system": "tron_xl"},
    "data": {"fit": "0123"},
    "metrics": METRICS,
}
HISTORY = pl.DataFrame(
    {"epoch": [1, 2], "loss": [4.5, 3.5], "validation_recall@20": [None, 0.25]}
)
FILES = {
    "run.json": RECORD,
    "report.json": {},
    "report.html": "<html>",
    "summary.md": "#",
    "history.parquet": HISTORY,
}


def started(folder: Path, options: dict[str, Any]) -> tuple[MlflowRuns, RunsDataset]:
    """Return the hook at the start of a run in a project that has these options."""
    hook = MlflowRuns()
    config = {"mlflow": options}
    context: Any = SimpleNamespace(project_path=folder, config_loader=config)
    hook.after_context_created(context)
    runs = RunsDataset(filepath=str(folder / "runs"), newest=str(folder / "run.json"))
    model = ModelDataset(filepath=str(folder / "model.safetensors"))
    model.filepath.write_bytes(b"weights")
    catalog = DataCatalog({"otto.runs": runs, "otto.model": model})
    hook.before_pipeline_run(catalog)
    return hook, runs


@pytest.mark.filterwarnings("default")
def test_a_run_is_in_mlflow_with_all_of_its_numbers(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    hook, runs = started(tmp_path, {"enabled": True})
    runs.save(FILES)
    hook.after_dataset_saved("otto.runs", FILES)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/data/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("otto").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.info.run_name == "2026-11-26T05-42-09-tron_xl"
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "training.epochs": "2",
        "training.patience": "None",
        "system": "tron_xl",
    }
    assert run.data.metrics == {
        "loss": 3.5,
        "validation_recall_at_20": 0.25,
        "test/recall_at_20": 0.5,
        "test/mrr_at_20": 0.25,
        "last_item/recall_at_20": 0.125,
        "test/recall_at_20/low": 0.4,
        "test/recall_at_20/high": 0.6,
    }
    losses = client.get_metric_history(run.info.run_id, "loss")
    assert [(metric.step, metric.value) for metric in losses] == [(1, 4.5), (2, 3.5)]
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert artifacts == {*FILES, "model.safetensors"} - {"history.parquet"}
    assert [path.name for path in tmp_path.glob("*") if "ml" in path.name] == []


@pytest.mark.filterwarnings("default")
def test_a_server_that_is_not_there_is_a_warning(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    options = {"enabled": True, "tracking_uri": "http://127.0.0.1:9"}
    hook, runs = started(tmp_path, options)
    runs.save(FILES)
    hook.after_dataset_saved("otto.runs", FILES)
    assert f"MLflow has not got {tmp_path}/runs/2026" in caplog.text


def test_nothing_goes_to_mlflow_unless_it_is_switched_on(tmp_path: Path) -> None:
    hook, runs = started(tmp_path, {})
    runs.save(FILES)
    hook.after_dataset_saved("otto.runs", FILES)
    assert not (tmp_path / "data").exists()


def test_a_project_without_the_file_has_it_switched_off(tmp_path: Path) -> None:
    class Loader:
        def __getitem__(self, key: str) -> None:
            raise MissingConfigException(key)

    context: Any = SimpleNamespace(project_path=tmp_path, config_loader=Loader())
    MlflowRuns().after_context_created(context)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"enabld": True}, "mlflow.enabld: unknown parameter; did you mean enabled?"),
        ({"enabled": 3}, "mlflow.enabled = 3: must be a valid boolean"),
    ],
)
def test_a_wrong_option_is_one_message(
    tmp_path: Path, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UserError, match="Invalid configuration") as caught:
        started(tmp_path, options)
    assert problem in str(caught.value)


def test_mlflow_that_is_not_installed_is_told_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tronrec.hooks.mlflow_runs.find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r'pip install "tronrec\[mlflow\]"'):
        started(tmp_path, {"enabled": True})


def test_nested_blocks_become_single_values() -> None:
    block = {"a": {"b": {"c": 1}, "d": [2]}, "e": None}
    assert dict(_flat(block)) == {"a.b.c": 1, "a.d": [2], "e": None}
