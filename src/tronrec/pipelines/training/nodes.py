"""The nodes of training; torch is imported when one of them runs."""

from collections.abc import Iterator

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.params import (
    LossParams,
    ModelParams,
    ParallelParams,
    SamplingParams,
    SystemParams,
    TrainingParams,
)
from tronrec.schemas import ITEM


def train_model(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    model: ModelParams,
    sampling: SamplingParams,
    loss: LossParams,
    training: TrainingParams,
    device: str,
    parallel: ParallelParams,
    fit: PackedSessions,
    validation: PackedSessions,
    items: pl.DataFrame,
    last_checkpoint: Checkpoint | None,
) -> Iterator[tuple[pl.DataFrame, Checkpoint]]:
    """Yield the history and a checkpoint after every epoch, each saved as it comes."""
    from tronrec.precision import choose_device
    from tronrec.training import loop
    from tronrec.training.history import history_table

    system = SystemParams(model=model, sampling=sampling, loss=loss, training=training)
    data = loop.TrainingData(fit, validation, items.height)
    if parallel.workers > 1:
        from tronrec.training.distributed import train_in_processes

        checkpoints = train_in_processes(
            system, data, device, parallel, last_checkpoint
        )
    else:
        trainer = loop.Trainer(system, data, choose_device(device))
        states = loop.train(trainer, last_checkpoint)
        checkpoints = (state.checkpoint() for state in states)
    for checkpoint in checkpoints:
        yield history_table(checkpoint.facts["history"]), checkpoint


def select_model(
    name: str,
    checkpoint: Checkpoint,
    items: pl.DataFrame,
    fit: PackedSessions,
    validation: PackedSessions,
) -> Checkpoint:
    """Return the weights of the best epoch with the item index, ready to be served."""
    import torch

    from tronrec.models.recommender import Recommender
    from tronrec.training.history import best_epoch

    system = SystemParams.model_validate(checkpoint.facts["parameters"])
    model = Recommender.best(checkpoint, items.height, fit.items, validation.items)
    item_ids = torch.from_numpy(items[ITEM].to_numpy(writable=True))
    epoch = best_epoch(checkpoint.facts["history"], system.training.choose_by)
    return model.export(item_ids, name=name, system=system, epoch=epoch)
