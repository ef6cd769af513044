"""The nodes of the benchmark; torch is imported when one of them runs."""

from collections.abc import Callable, Iterator
from typing import Any

import plotly.graph_objects as go
import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.data.session_sample import describe_sample, sample_sessions
from tronrec.params import BenchmarkParams, EvaluationParams
from tronrec.reporting import benchmark, figures
from tronrec.reporting.paper import identify
from tronrec.schemas import COUNT, SESSION

Loaders = dict[str, Callable[[], Checkpoint]]


def train_systems(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    params: BenchmarkParams,
    device: str,
    fit: PackedSessions,
    validation: PackedSessions,
    items: pl.DataFrame,
    last_checkpoints: Loaders,
) -> Iterator[dict[str, Checkpoint]]:
    """Yield a checkpoint of a system after every epoch, each saved as it comes."""
    from tronrec import comparison
    from tronrec.training.loop import TrainingSessions

    sessions = TrainingSessions(fit, validation, items.height)
    yield from comparison.train_systems(
        params.entries(), sessions, device, last_checkpoints
    )


def rank_systems(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    params: BenchmarkParams,
    evaluation: EvaluationParams,
    device: str,
    checkpoints: Loaders,
    items: pl.DataFrame,
    fit: PackedSessions,
    validation: PackedSessions,
    test: PackedSessions,
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Return the ranks of all test events by all systems, their epochs and runs."""
    from tronrec import comparison
    from tronrec.training.loop import TrainingSessions

    sessions = TrainingSessions(fit, validation, items.height)
    return comparison.rank_systems(
        {name: checkpoints[name] for name in params.systems},
        sessions,
        test,
        evaluation=evaluation,
        device=device,
    )


def rank_baselines(
    evaluation: EvaluationParams,
    items: pl.DataFrame,
    fit: PackedSessions,
    test: PackedSessions,
) -> pl.DataFrame:
    """Return the ranks of all test events by recommenders that need no training."""
    from tronrec.baselines import rank

    counts, depth = items[COUNT].to_numpy(), max(evaluation.cutoffs)
    measured = sample_sessions(test, evaluation.sessions)
    rankings = rank.rank_baselines(evaluation.baselines, counts, fit, measured, depth)
    return pl.DataFrame({name: ranking.ranks for name, ranking in rankings.items()})


def compare_systems(
    params: BenchmarkParams,
    ranks: pl.DataFrame,
    baseline_ranks: pl.DataFrame,
    runs: dict[str, Any],
) -> dict[str, Any]:
    """Return every system's metrics with intervals, and how the subject compares."""
    from tronrec.evaluation.significance import compare

    every = pl.concat([ranks, baseline_ranks], how="horizontal")
    session = every.drop_in_place(SESSION).to_numpy()
    found = compare(
        {name: every[name].to_numpy() for name in every.columns},
        session,
        subject=params.chosen_subject,
        resamples=params.resamples,
    )
    return {name: {**scores, **runs.get(name, {})} for name, scores in found.items()}


def tabulate_benchmark(
    dataset: str,
    params: BenchmarkParams,
    results: dict[str, Any],
    statistics: dict[str, Any],
) -> pl.DataFrame:
    """Return Table 2: a row for each system, with the paper's figures."""
    data = identify(dataset, statistics)
    return benchmark.result_rows(results, data, params.chosen_subject)


def write_benchmark(
    dataset: str,
    params: BenchmarkParams,
    evaluation: EvaluationParams,
    table: pl.DataFrame,
    statistics: dict[str, Any],
) -> str:
    """Return Table 2 and the comparisons as a page for people."""
    total = statistics["test"]["sessions"]
    measured = describe_sample(min(total, evaluation.sessions or total), total, "test")
    return benchmark.page(table, identify(dataset, statistics), params, measured)


def plot_benchmark(
    dataset: str, history: pl.DataFrame, statistics: dict[str, Any]
) -> go.Figure:
    """Return Figure 1: Recall@20 after every epoch, one line a system."""
    histories = {
        str(name): rows
        for (name,), rows in history.group_by("system", maintain_order=True)
    }
    return figures.recall_curve(histories, identify(dataset, statistics).title)
