import json
from pathlib import Path

import numpy as np
import plotly.io
import polars as pl
import pytest
import yaml
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from reference.clicks import EPOCH, Click, table
from tronrec.data.packed import PackedSessions
from tronrec.params import DatasetParams, SystemParams
from tronrec.pipelines.reporting import create_pipeline

CONF = Path(__file__).parents[3] / "conf"

COUNTS = {"sessions": 1, "events": 3, "items": 4}
PERIOD = {"first": "2026-01-01T00:00", "last": "2026-01-02T00:00"}


def catalog(folder: Path, *environments: str) -> DataCatalog:
    """The catalog of reporting, written below `folder`, with a run's results."""
    entries = {}
    for environment in environments:
        text = (CONF / environment / "catalog_reporting.yml").read_text("utf-8")
        entries |= yaml.safe_load(text.replace("${globals:data_root}", str(folder)))
    catalog = DataCatalog.from_config(entries)
    sessions = PackedSessions(np.array([1, 2, 3], np.int32), np.array([0, 3]))
    results = {
        "metrics": {
            "system": "tron_xl",
            "parameters": SystemParams().model_dump(mode="json"),
            "device": "cpu",
            "epoch": 2,
            **COUNTS,
            "metrics": {"recall@20": 0.5, "mrr@20": 0.25},
            "baselines": {"most_popular": {"recall@20": 0.1, "mrr@20": 0.05}},
            "intervals": {"tron_xl": {"recall@20": [0.4, 0.6], "mrr@20": [0.2, 0.3]}},
        },
        "history": pl.DataFrame(
            {
                "epoch": [1, 2],
                "loss": [3.0, 2.0],
                "seconds": [1.0, 1.0],
                "evaluation_seconds": [0.5, 0.5],
                "validation_recall@20": [0.3, 0.4],
                "validation_mrr@20": [0.1, 0.2],
            }
        ),
        "statistics": dict.fromkeys(
            ("train", "fit", "validation", "test"), COUNTS | PERIOD
        ),
        "ingestion_report": {},
        "preparation_report": {
            "filtering": {
                "clicks": 7,
                "dropped": {"on rare items": 1},
                "kept": {"filtered": 6},
            }
        },
        "validation_period": {"warning": "The validation period has little."},
        "test_period": {"warning": None},
        "days": {
            "day": ["2022-08-01"],
            **{name: [3] for name in ("clicks", "fit", "validation", "test")},
            "borders": {"validation": None, "test": None},
        },
        "fit_sessions": sessions,
        "validation_sessions": sessions,
        "test_sessions": sessions,
        "test_clicks": table([Click(1, item, EPOCH) for item in (7, 8, 9)]),
        "train_clicks": table([Click(0, item, EPOCH) for item in (7, 8, 9)]),
        "items": pl.DataFrame({"item_id": [7, 8, 9], "count": [3, 2, 1]}),
        "item_ids": pl.DataFrame(schema={"item_id": pl.Int64}),
        "model_test_ranks": pl.DataFrame({"session_id": [0, 0], "tron_xl": [1, 30]}),
        "baseline_test_ranks": pl.DataFrame({"session_id": [0, 0], "rules": [9, 30]}),
        "best_ranks": pl.DataFrame({"best_rank": [1, 2, 30]}),
        "examples": {"examples": [], "titles": {}},
    }
    params = {f"params:otto.{name}": value for name, value in DatasetParams()}
    for name, value in ({f"otto.{n}": v for n, v in results.items()} | params).items():
        catalog[name] = value
    return catalog


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(create_pipeline(), namespace="otto")


def test_reports_are_written_where_the_catalog_says(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    SequentialRunner().run(pipeline, catalog(tmp_path, "base"))

    folder = tmp_path / "08_reporting" / "otto"
    figure = plotly.io.from_json((folder / "recall_curve.json").read_text("utf-8"))
    assert figure.data[0].name == "TRON XL-Negs, validation"
    summary = (folder / "summary.md").read_text("utf-8")
    assert summary.startswith("# TRON XL-Negs on otto (not the paper's clicks)\n")
    assert "| recall@20 | 0.5000 [0.4000, 0.6000] | 0.1000 |\n" in summary
    assert (folder / "statistics.md").read_text("utf-8") in summary
    assert "**Caution.** The validation period has little.\n" in summary
    assert "| filtering: on rare items | 1 |  |" in summary
    numbers = json.loads((folder / "report.json").read_text("utf-8"))
    assert [row["recall"] for row in numbers["test"]["systems"]] == [0.5, 0.5]
    assert numbers["test"]["verdict"] in (folder / "report.html").read_text("utf-8")
    run = json.loads((folder / "run.json").read_text("utf-8"))
    assert run["dataset"] == "otto"
    assert run["parameters"]["training"] == DatasetParams().training.model_dump()
    assert set(run["data"]) == {"fit", "validation", "test"}


def test_a_run_from_any_stage_before_the_report_has_all_it_needs(
    pipeline: Pipeline,
) -> None:
    measured_again = pipeline.from_inputs("otto.metrics")
    assert "otto.run_parameters" not in measured_again.inputs()


def test_the_sample_is_not_compared_with_the_paper(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    SequentialRunner().run(pipeline, catalog(tmp_path, "base", "sample"))

    summary = (tmp_path / "08_reporting" / "otto" / "summary.md").read_text("utf-8")
    assert summary.startswith("# TRON XL-Negs on simulated clicks (otto format)\n")
    assert "paper" not in summary
