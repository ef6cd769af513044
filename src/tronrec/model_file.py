"""A trained model as one file: weights, ranking terms, the shop's ids, and its card."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int

from tronrec.checkpoint import Checkpoint, ModelCard, with_prefix
from tronrec.data import item_ids
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.models.recommender import Recommender
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.successors import Successors
from tronrec.schemas import PADDING

TREND, COUNTS, ITEM_TABLE = "trend", "item_counts", "item_embeddings"
SUCCESSORS, POPULARITY = "successors", "popularity"


@dataclass(frozen=True)
class ModelFile:
    """All that ranking and recommending need of a trained model."""

    model: Recommender
    terms: RankingTerms
    item_ids: pl.Series
    """The shop's ids of items 1..|I|, whole numbers or text."""
    item_counts: Int[np.ndarray, "items"]
    """Clicks on each in the training period."""
    card: ModelCard

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> Self:
        """Take the parts out of a file, on the CPU; the model is in evaluation mode.

        Raises:
            UserError: The file is no model, its ids or ranking terms are damaged, or
                weights of the encoder are not finite; those of the items are looked at
                by the search.
        """
        card, tensors = checkpoint.card, checkpoint.tensors
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        ids = item_ids.from_arrays(arrays)
        with torch.device("meta"):  # no initial weights, which are not wanted
            model = Recommender(card.parameters.model, len(ids))
        model.load_state_dict(checkpoint.part("model"), assign=True)
        for name, weights in model.named_parameters():
            if name != ITEM_TABLE and not weights.isfinite().all():
                raise UserError(
                    f"The model's weights {name} are not finite; train it again with a "
                    "lower training.learning_rate"
                )
        follow = checkpoint.part(SUCCESSORS)
        successors = Successors(**follow) if follow else None
        terms = RankingTerms.of(
            card.parameters.ranking,
            tensors.get(TREND),
            successors,
            tensors.get(POPULARITY),
        )
        if not terms.are_for(len(ids)):
            raise UserError(
                "The model's trend, successors or popularity are damaged; take the "
                "file from a copy, or run the train_* pipeline again"
            )
        return cls(model.eval(), terms, ids, arrays[COUNTS], card)

    def check_data(self, ids: pl.Series, fit: PackedSessions) -> None:
        """Refuse data of another preparation than the model was trained on.

        Its item numbers would mean other items, or its test sessions be known to the
        model, and nothing in the metrics would show it.

        Raises:
            UserError: The items, or the sessions to learn from, are others.
        """
        if not self.item_ids.equals(ids):
            count = f"{len(ids):,}"
            if len(ids) == len(self.item_ids):
                count = "as many, which differ or are in another order"
            now = f"items ({len(self.item_ids):,}, and now {count})"
        elif self.card.data.fit != fit.fingerprint():
            now = "sessions"
        else:
            return
        remedy = "train it again, or prepare the data with the parameters of then"
        if self.card.data.origin is not None:
            remedy = (
                "it comes from a refresh, and refresh_report.json says how good it is; "
                "a new training replaces it"
            )
        raise UserError(
            f"The model was trained on other {now} than the data set has now: {remedy}"
        )

    def popularity(self) -> Float[np.ndarray, "items"]:
        """Return by what items are ranked where no click of a session is known."""
        shares = np.log(np.maximum(self.item_counts, 0.5))
        if self.terms.trend is None:
            return np.asarray(shares)
        return np.asarray(shares + self.terms.trend[PADDING + 1 :].numpy())

    def checkpoint(self) -> Checkpoint:
        """Return the tensors and facts that `read` reads."""
        arrays = item_ids.to_arrays(self.item_ids) | {COUNTS: self.item_counts}
        tensors = with_prefix("model", self.model.state_dict()) | {
            name: torch.from_numpy(np.array(array)) for name, array in arrays.items()
        }
        if self.terms.trend is not None:
            tensors[TREND] = self.terms.trend
        if (follow := self.terms.successors) is not None:
            tensors |= with_prefix(SUCCESSORS, vars(follow))
        if self.terms.reranker is not None:
            tensors[POPULARITY] = self.terms.reranker.popularity
        return Checkpoint(tensors, self.card)
