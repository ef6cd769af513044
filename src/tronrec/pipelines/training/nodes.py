"""The nodes of training; torch is imported when one of them runs."""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.params import (
    LossParams,
    ModelParams,
    ParallelParams,
    RankingParams,
    SamplingParams,
    SystemParams,
    TrainingParams,
)

Loaders = dict[str, Callable[[], Checkpoint]]


def train_model(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    model: ModelParams,
    sampling: SamplingParams,
    loss: LossParams,
    training: TrainingParams,
    ranking: RankingParams,
    device: str,
    parallel: ParallelParams,
    fit: PackedSessions,
    validation: PackedSessions,
    items: pl.DataFrame,
    last_checkpoints: Loaders,
) -> Iterator[tuple[pl.DataFrame, Checkpoint]]:
    """Yield the history and a checkpoint after every epoch, each saved as it comes."""
    from tronrec.training.history import history_table
    from tronrec.training.launch import train_system
    from tronrec.training.loop import TrainingSessions
    from tronrec.training.state import choose_last

    system = SystemParams(
        model=model, sampling=sampling, loss=loss, training=training, ranking=ranking
    )
    sessions = TrainingSessions(fit, validation, items.height)
    last = choose_last(last_checkpoints, system, sessions)
    for checkpoint in train_system(
        system, sessions, device=device, parallel=parallel, last=last
    ):
        yield history_table(checkpoint.state.history), checkpoint


def calibrate_ranking(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    checkpoint: Checkpoint,
    ranking: RankingParams,
    items: pl.DataFrame,
    fit: PackedSessions,
    validation: PackedSessions,
    device: str,
) -> dict[str, Any]:
    """Return the ranking terms of the model that is kept, and how they were chosen."""
    from tronrec.training import export
    from tronrec.training.loop import TrainingSessions

    sessions = TrainingSessions(fit, validation, items.height)
    return export.calibrate_ranking(checkpoint, ranking, sessions, device)


def select_model(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    name: str,
    checkpoint: Checkpoint,
    calibration: dict[str, Any],
    items: pl.DataFrame,
    fit: PackedSessions,
    validation: PackedSessions,
) -> Checkpoint:
    """Return the weights of the best epoch with the item index, ready to be served."""
    from tronrec.training.export import export_model

    ranking = RankingParams.model_validate(calibration["ranking"])
    return export_model(name, checkpoint, items, fit, validation, ranking=ranking)
