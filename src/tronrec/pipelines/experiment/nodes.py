"""The nodes of the experiment; the libraries of statistics are imported when needed."""

import logging
from typing import Any

import plotly.graph_objects as go
import polars as pl

from tronrec.params import ExperimentParams, SimulatedTestParams

logger = logging.getLogger(__name__)

Record = dict[str, Any]


def simulate_test(
    experiment: ExperimentParams, simulated: SimulatedTestParams
) -> tuple[pl.LazyFrame, pl.LazyFrame, Record]:
    """Return exposures, outcomes and uplifts of a planned test, drawn while saved."""
    from tronrec.experiment import planned

    return (
        planned.scan_exposures(experiment, simulated),
        planned.scan_outcomes(experiment, simulated),
        planned.truth(experiment, simulated),
    )


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
