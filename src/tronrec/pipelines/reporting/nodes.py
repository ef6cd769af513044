"""The nodes of reporting."""

from typing import Any, Literal

import plotly.graph_objects as go
import polars as pl

from tronrec.data.packed import PackedSessions
from tronrec.params import (
    DatasetParams,
    EvaluationParams,
    FilteringParams,
    LossParams,
    ModelParams,
    SamplingParams,
    SplittingParams,
    TrainingParams,
)
from tronrec.reporting import figures, run_info, tables


def collect_parameters(  # noqa: PLR0913, PLR0917 - typed blocks come one by one
    metrics: dict[str, Any],
    device: Literal["auto", "cpu", "cuda"],
    filtering: FilteringParams,
    splitting: SplittingParams,
    model: ModelParams,
    sampling: SamplingParams,
    loss: LossParams,
    training: TrainingParams,
    evaluation: EvaluationParams,
) -> DatasetParams:
    """Return all parameters that a run depends on.

    The system is the one that was measured. So this node follows the measurement, and a
    run that starts in the middle of the path includes it.
    """
    return DatasetParams(
        system=metrics["system"],
        device=device,
        filtering=filtering,
        splitting=splitting,
        model=model,
        sampling=sampling,
        loss=loss,
        training=training,
        evaluation=evaluation,
    )


def plot_recall(dataset: str, system: str, history: pl.DataFrame) -> go.Figure:
    """Return Recall@20 after every epoch."""
    return figures.recall_curve({system: history}, dataset)


def tabulate_statistics(dataset: str, statistics: dict[str, Any]) -> str:
    """Return the sizes of the data set, Table 1 of the paper."""
    return tables.statistics_table(statistics, dataset)


def write_summary(
    dataset: str,
    params: DatasetParams,
    metrics: dict[str, Any],
    history: pl.DataFrame,
    statistics_table: str,
) -> str:
    """Return the one page that tells how the run went."""
    return tables.summary(dataset, params, metrics, history, statistics_table)


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
