"""A trained model as one file: weights, ranking terms, the shop's ids, and its card."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import Tensor

from tronrec.checkpoint import Checkpoint, ModelCard, with_prefix
from tronrec.models.recommender import Recommender
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.schemas import COUNT, ITEM
from tronrec.training.history import best_epoch
from tronrec.training.state import load_best


@dataclass(frozen=True)
class ModelParts:
    """All that ranking and recommending need of a trained model."""

    model: Recommender
    terms: RankingTerms
    item_ids: Int[Tensor, "items"]
    """The shop's ids of items 1..|I|."""
    item_counts: Int[Tensor, "items"]
    """Clicks on them in the training period."""
    card: ModelCard

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> Self:
        """Take the parts out of a model's file, in evaluation mode, on the CPU."""
        card, tensors = checkpoint.card, checkpoint.tensors
        model = Recommender(card.parameters.model, len(tensors["item_ids"]))
        model.load_state_dict(checkpoint.part("model"))
        terms = RankingTerms(card.parameters.ranking, tensors.get("trend"))
        counts = tensors["item_counts"]
        return cls(model.eval(), terms, tensors["item_ids"], counts, card)


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
    tensors = with_prefix("model", model.state_dict()) | {
        "item_ids": torch.from_numpy(items[ITEM].to_numpy(writable=True)),
        "item_counts": torch.from_numpy(items[COUNT].to_numpy(writable=True)),
    }
    if terms.trend is not None:
        tensors["trend"] = terms.trend
    card = ModelCard(
        system=name,
        parameters=state.parameters,
        epoch=epoch,
        validation=state.history[epoch - 1].validation,
        data=state.data,
        trained=datetime.now(UTC),
    )
    return Checkpoint(tensors, card)
