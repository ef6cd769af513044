"""The nodes of the benchmark; torch is imported when one of them runs."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.params import BenchmarkParams, EvaluationParams, SystemParams
from tronrec.reporting import benchmark, figures
from tronrec.reporting.paper import identify
from tronrec.schemas import COUNT, SESSION

logger = logging.getLogger(__name__)

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
    from tronrec.precision import choose_device
    from tronrec.training import loop
    from tronrec.training.memory import peak_bytes, reset_peak

    data = loop.TrainingData(fit, validation, items.height)
    target = choose_device(device)
    for name, system in params.entries().items():
        logger.info("Training %s", name)
        last = last_checkpoints[name]() if name in last_checkpoints else None
        reset_peak(target)
        trainer, peak = loop.Trainer(system, data, target), None
        if last and trainer.resume(last):
            peak = last.facts["peak_bytes"]
        for state in loop.fit(trainer):
            peak = max(peak or 0, peak_bytes(target) or 0) or None
            checkpoint = state.checkpoint()
            facts = checkpoint.facts | {"peak_bytes": peak, "device": target.type}
            yield {name: Checkpoint(checkpoint.tensors, facts)}


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
    from tronrec.evaluation.ranking import rank_targets
    from tronrec.models.recommender import Recommender
    from tronrec.precision import choose_device
    from tronrec.training.history import best_epoch, history_table

    target, runs = choose_device(device), {}
    ranks = {SESSION: np.repeat(np.arange(len(test)), np.diff(test.offsets) - 1)}
    histories = []
    for name in params.systems:
        checkpoint = checkpoints[name]()
        system = SystemParams.model_validate(checkpoint.facts["parameters"])
        model = Recommender.best(checkpoint, items.height, fit.items, validation.items)
        found = rank_targets(
            model.to(target),
            test,
            depth=max(evaluation.cutoffs),
            batch_size=evaluation.batch_size,
            progress=name,
        )
        ranks[name] = found.ranks
        epochs = checkpoint.facts["history"]
        history = history_table(epochs)
        histories.append(history.insert_column(0, pl.lit(name).alias("system")))
        runs[name] = {
            "parameters": checkpoint.facts["parameters"],
            "epoch": best_epoch(epochs, system.training.choose_by),
            "epochs": history.height,
            "seconds": history["seconds"].sum(),
            "peak_bytes": checkpoint.facts["peak_bytes"],
            "device": checkpoint.facts["device"],
        }
    return pl.DataFrame(ranks), pl.concat(histories), runs


def rank_baselines(
    evaluation: EvaluationParams,
    items: pl.DataFrame,
    fit: PackedSessions,
    test: PackedSessions,
) -> pl.DataFrame:
    """Return the ranks of all test events by recommenders that need no training."""
    from tronrec.evaluation import baselines

    counts, depth = items[COUNT].to_numpy(), max(evaluation.cutoffs)
    found = baselines.rank_baselines(evaluation.baselines, counts, fit, test, depth)
    return pl.DataFrame({name: ranking.ranks for name, ranking in found.items()})


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
        subject=params.subject,
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
    return benchmark.result_rows(results, data, params.subject)


def write_benchmark(
    dataset: str,
    params: BenchmarkParams,
    table: pl.DataFrame,
    statistics: dict[str, Any],
) -> str:
    """Return Table 2 and the comparisons as a page for people."""
    return benchmark.page(table, identify(dataset, statistics), params)


def plot_benchmark(
    dataset: str, history: pl.DataFrame, statistics: dict[str, Any]
) -> go.Figure:
    """Return Figure 1: Recall@20 after every epoch, one line a system."""
    histories = {
        str(name): rows
        for (name,), rows in history.group_by("system", maintain_order=True)
    }
    return figures.recall_curve(histories, identify(dataset, statistics).title)
