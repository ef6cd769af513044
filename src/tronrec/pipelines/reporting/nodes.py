"""The nodes of reporting."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from tronrec.data.packed import PackedSessions
from tronrec.params import (
    DatasetParams,
    EvaluationParams,
    FilteringParams,
    SplittingParams,
)
from tronrec.reporting import account, figures, run_info, tables
from tronrec.reporting.paper import identify


def collect_parameters(
    metrics: dict[str, Any],
    filtering: FilteringParams,
    splitting: SplittingParams,
    evaluation: EvaluationParams,
) -> DatasetParams:
    """Return all parameters of a run; those of the system are the measured model's."""
    return DatasetParams(
        system=metrics["system"],
        device=metrics["device"],
        filtering=filtering,
        splitting=splitting,
        evaluation=evaluation,
        **metrics["parameters"],
    )


def plot_recall(
    dataset: str,
    params: DatasetParams,
    history: pl.DataFrame,
    statistics: dict[str, Any],
) -> go.Figure:
    """Return Recall@20 after every epoch."""
    title = identify(dataset, statistics).title
    return figures.recall_curve({params.system: history}, title)


def tabulate_statistics(dataset: str, statistics: dict[str, Any]) -> str:
    """Return the sizes of the data set, Table 1 of the paper."""
    return tables.statistics_table(statistics, identify(dataset, statistics))


def write_summary(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    dataset: str,
    params: DatasetParams,
    metrics: dict[str, Any],
    history: pl.DataFrame,
    statistics: dict[str, Any],
    ingestion_report: dict[str, Any],
    preparation_report: dict[str, Any],
) -> str:
    """Return the one page that tells how the run went."""
    data = identify(dataset, statistics)
    sizes = tables.statistics_table(statistics, data)
    rows = account.account_table(ingestion_report, preparation_report)
    return tables.summary(data, params, metrics, history, f"{sizes}\n{rows}")


def record_run(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    dataset: str,
    params: DatasetParams,
    metrics: dict[str, Any],
    history: pl.DataFrame,
    fit: PackedSessions,
    validation: PackedSessions,
    test: PackedSessions,
) -> dict[str, Any]:
    """Return the record that ties the numbers to code, data and parameters."""
    parts = {"fit": fit, "validation": validation, "test": test}
    checksums = {part: sessions.fingerprint() for part, sessions in parts.items()}
    return run_info.describe_run(dataset, params, checksums, metrics, history)
