"""Shows finished runs in MLflow, too, where the configuration says so.

A run goes there from its folder (`tronrec.run_folders`), when that is whole: parameters
one by one, the metrics of every epoch and of the test, the report and the model. What
keeps MLflow from it is a warning, since the folder has everything.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from tronrec.datasets.checkpoint import ModelDataset
from tronrec.datasets.runs import RunsDataset
from tronrec.errors import UserError
from tronrec.params import Params
from tronrec.problems import find_problems
from tronrec.run_folders import FinishedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

SQLITE = "sqlite:///"
SHOWN = ("report.html", "report.json", "summary.md", "run.json")
"""Files of a run's folder that MLflow gets."""
MANY = 100
"""Parameters, and metrics, that MLflow takes at once."""


class MlflowOptions(Params):
    """The configuration `mlflow.yml`."""

    enabled: bool = False
    """Whether finished runs go to MLflow."""
    tracking_uri: str = f"{SQLITE}data/mlflow/mlflow.db"
    """An SQLite file, from the project's folder if it is relative, or a server."""


class MlflowRuns:
    """Logs a run to MLflow when its folder is written."""

    def __init__(self) -> None:
        self._options = MlflowOptions()
        self._project = Path()
        self._catalog = DataCatalog()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read the options.

        Raises:
            UserError: One is wrong, or MLflow is not installed.
        """
        self._project = context.project_path
        try:
            stated = context.config_loader["mlflow"]
        except MissingConfigException:
            stated = {}  # a project from before there was such a file
        if problems := find_problems(MlflowOptions, stated):
            lines = (f"mlflow{name}{rest}" for name, rest in problems.items())
            raise UserError("\n  ".join(("Invalid configuration:", *lines)))
        self._options = MlflowOptions.model_validate(stated)
        if self._options.enabled and find_spec("mlflow") is None:
            raise UserError(
                "enabled: true in mlflow.yml: MLflow is not installed; "
                'pip install "tronrec[mlflow]"'
            )

    @hook_impl
    def before_pipeline_run(self, catalog: DataCatalog) -> None:
        """Note where the files are."""
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the run whose folder this is."""
        runs = self._catalog.get(dataset_name) if self._options.enabled else None
        if not isinstance(runs, RunsDataset):
            return
        (run,) = (run for run in runs.load() if run.record == data["run.json"])
        model = self._catalog.get(dataset_name.replace(".runs", ".model"))
        files = [run.folder / name for name in SHOWN]
        if isinstance(model, ModelDataset):
            files.append(model.filepath)
        self._log(run, files)

    def _log(self, run: FinishedRun, files: list[Path]) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient  # noqa: PLC0415 - takes seconds
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        uri, artifacts = _locate(self._options.tracking_uri, self._project)
        try:
            client = MlflowClient(uri)
            name = run.record["dataset"]
            found = client.get_experiment_by_name(name)
            experiment = (
                found.experiment_id
                if found
                else client.create_experiment(name, artifact_location=artifacts)
            )
            log_run(client, experiment, run, files)
        except (MlflowException, OSError) as error:
            logger.warning("MLflow has not got %s: %s", run.folder, error)
            return
        logger.info("MLflow has got %s, in %s", run.name, self._options.tracking_uri)


def log_run(
    client: "MlflowClient", experiment: str, run: FinishedRun, files: list[Path]
) -> None:
    """Add a run to an experiment of MLflow's.

    Args:
        client: The connection.
        experiment: Its id.
        run: The run, with its folder.
        files: What is stored beside the numbers.
    """
    from mlflow.entities import Metric, Param  # noqa: PLC0415 - takes seconds

    record = run.record
    ended = int(datetime.fromisoformat(record["finished_at"]).timestamp() * 1000)
    tags = {"system": record["metrics"]["system"]}
    tags |= {f"data.{part}": checksum for part, checksum in record["data"].items()}
    made = client.create_run(experiment, start_time=ended, tags=tags, run_name=run.name)
    run_id = made.info.run_id
    params = [Param(name, str(value)) for name, value in _flat(record["parameters"])]
    for first in range(0, len(params), MANY):
        client.log_batch(run_id, params=params[first : first + MANY])
    metrics = [
        Metric(name.replace("@", "_at_"), float(value), ended, step)
        for name, value, step in _numbers(run)
    ]
    for first in range(0, len(metrics), MANY):
        client.log_batch(run_id, metrics=metrics[first : first + MANY])
    for file in files:
        client.log_artifact(run_id, str(file))
    client.set_terminated(run_id, end_time=ended)


def _numbers(run: FinishedRun) -> Iterator[tuple[str, float, int]]:
    """Yield name, value and epoch of each number of a run."""
    for row in pl.read_parquet(run.folder / "history.parquet").iter_rows(named=True):
        epoch = row.pop("epoch")
        known = ((name, value) for name, value in row.items() if value is not None)
        yield from ((name, value, epoch) for name, value in known)
    metrics = run.record["metrics"]
    for name, value in _flat({"test": metrics["metrics"], **metrics["baselines"]}, "/"):
        yield name, value, metrics["epoch"]
    for name, (low, high) in _flat(metrics["intervals"][metrics["system"]]):
        yield f"test/{name}/low", low, metrics["epoch"]
        yield f"test/{name}/high", high, metrics["epoch"]


def _flat(block: Mapping[str, Any], between: str = ".") -> Iterator[tuple[str, Any]]:
    """Yield the full name and the value of each entry of nested blocks."""
    for name, value in block.items():
        if isinstance(value, Mapping):
            for rest, entry in _flat(value, between):
                yield f"{name}{between}{rest}", entry
        else:
            yield name, value


def _locate(uri: str, project: Path) -> tuple[str, str | None]:
    """Return the store, and where its files go; None: the server decides."""
    if not uri.startswith(SQLITE):
        return uri, None
    file = project / uri.removeprefix(SQLITE)
    file.parent.mkdir(parents=True, exist_ok=True)
    return f"{SQLITE}{file}", (file.parent / "artifacts").resolve().as_uri()
