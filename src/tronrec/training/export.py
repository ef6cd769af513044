"""From the checkpoint of a training to the file of a model."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
from jaxtyping import Int

from tronrec.checkpoint import Checkpoint, ModelCard
from tronrec.model_file import ModelFile
from tronrec.schemas import COUNT, ITEM
from tronrec.training.history import best_epoch
from tronrec.training.state import load_best


def export_model(
    name: str,
    checkpoint: Checkpoint,
    items: pl.DataFrame,
    *clicks: Int[np.ndarray, "clicks"],
) -> Checkpoint:
    """Return the model of the best epoch of a training, ready to be served.

    Args:
        name: The name of the system.
        checkpoint: The training.
        items: The item index.
        clicks: Items of all clicks up to now, in parts; the trend is counted from them.
    """
    state = checkpoint.state
    model, terms = load_best(checkpoint, items.height, *clicks)
    epoch = best_epoch(state.history, state.parameters.training.choose_by)
    card = ModelCard(
        system=name,
        parameters=state.parameters,
        epoch=epoch,
        validation=state.history[epoch - 1].validation,
        data=state.data,
        trained=datetime.now(UTC),
    )
    counts = items[COUNT].to_numpy()
    return ModelFile(model, terms, items[ITEM], counts, card).checkpoint()
