"""The nodes of the experiment; the libraries of statistics are imported when needed."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.params import (
    BenchmarkParams,
    ExperimentParams,
    ReplayedTestParams,
    SimulatedTestParams,
)
from tronrec.schemas import ITEM, TIME

logger = logging.getLogger(__name__)

Record = dict[str, Any]
Loaders = dict[str, Callable[[], Checkpoint]]
Lists = Callable[[PackedSessions, int], np.ndarray]


def simulate_test(
    experiment: ExperimentParams, simulated: SimulatedTestParams
) -> tuple[pl.LazyFrame, pl.LazyFrame, Record]:
    """Return exposures, outcomes and uplifts of a planned test, drawn while saved."""
    from tronrec.experiment import simulate

    return (
        simulate.scan_exposures(experiment, simulated),
        simulate.scan_outcomes(experiment, simulated),
        simulate.truth(experiment, simulated),
    )


def train_groups(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    experiment: ExperimentParams,
    replayed: ReplayedTestParams,
    benchmark: BenchmarkParams,
    device: str,
    fit: PackedSessions,
    validation: PackedSessions,
    items: pl.DataFrame,
    last_checkpoints: Loaders,
) -> Iterator[dict[str, Checkpoint]]:
    """Yield a checkpoint of a group's system after every epoch, saved as it comes."""
    from tronrec import comparison
    from tronrec.training.loop import TrainingSessions

    sessions = TrainingSessions(fit, validation, items.height)
    systems = replayed.systems_of(experiment, benchmark)
    yield from comparison.train_systems(systems, sessions, device, last_checkpoints)


def replay_test(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    experiment: ExperimentParams,
    replayed: ReplayedTestParams,
    device: str,
    checkpoints: Loaders,
    items: pl.DataFrame,
    fit: PackedSessions,
    validation: PackedSessions,
    test: PackedSessions,
    test_clicks: pl.LazyFrame,
) -> tuple[pl.LazyFrame, pl.LazyFrame, Record]:
    """Return exposures, outcomes and true uplifts of a test on the test sessions."""
    from tronrec.experiment.replay import find_visits, replay
    from tronrec.training.export import export_model, fitted_ranking
    from tronrec.training.loop import TrainingSessions

    sessions = TrainingSessions(fit, validation, items.height)
    systems = {}
    for name in experiment.weights:
        checkpoint = checkpoints[name]()
        ranking = fitted_ranking(checkpoint, sessions, device)
        model = export_model(name, checkpoint, items, fit, validation, ranking=ranking)
        systems[name] = _lists_of(model, device)
    times = test_clicks.select(pl.col(TIME).dt.epoch("ms")).collect(engine="streaming")
    visits = find_visits(test, times.to_series().to_numpy(), replayed)
    found = replay(visits, systems, items[ITEM], experiment, replayed)
    return found.exposures.lazy(), found.outcomes.lazy(), found.truth


def _lists_of(checkpoint: Checkpoint, device: str) -> Lists:
    """Return what makes the lists of a model, as the service does."""
    from tronrec.device import choose_device
    from tronrec.model_file import ModelFile
    from tronrec.recommend import TrainedModel

    model = TrainedModel(ModelFile.read(checkpoint), choose_device(device))
    return lambda sessions, k: model.best_items(sessions, k)[0]


def read_logs(
    experiment: ExperimentParams, exposures: pl.LazyFrame, outcomes: pl.LazyFrame
) -> tuple[pl.DataFrame, Record]:
    """Return what each visitor did on each day, and what became of every row."""
    from tronrec.experiment import logs

    return logs.read_logs(exposures, outcomes, experiment)


def measure_uplifts(
    experiment: ExperimentParams, days: pl.DataFrame, account: Record
) -> Record:
    """Return what the test tells; one that tells nothing stops the run."""
    from tronrec.experiment import analysis, logs

    logs.require_sound(account, experiment)
    return analysis.measure(days, account, experiment)


def tabulate_uplifts(results: Record, truth: Record) -> pl.DataFrame:
    """Return a row for each metric and group."""
    from tronrec.experiment import report

    return report.uplift_table(results, truth)


def write_experiment(
    dataset: str, results: Record, account: Record, truth: Record
) -> str:
    """Return the page that says what may be concluded."""
    from tronrec.experiment import report

    logger.info(report.conclusion(results))
    return report.page(results, account, truth, dataset)


def plot_uplifts(dataset: str, results: Record, truth: Record) -> go.Figure:
    """Return Figure 2: the uplift of each metric and group."""
    from tronrec.experiment import figures

    return figures.uplift_figure(results, truth, dataset)


def plot_days(dataset: str, results: Record) -> go.Figure:
    """Return the uplifts as they stood at the end of each day."""
    from tronrec.experiment import figures

    return figures.daily_figure(results, dataset)


def plan_test(
    experiment: ExperimentParams, exposures: pl.LazyFrame, outcomes: pl.LazyFrame
) -> Record:
    """Return visitors and days that a test needs, from the log of the control."""
    from tronrec.experiment.plan import plan

    return plan(exposures, outcomes, experiment)


def write_plan(dataset: str, found: Record) -> str:
    """Return the plan as a page for people."""
    from tronrec.experiment.plan import plan_page

    return plan_page(found, dataset)
