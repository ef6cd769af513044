"""What the processes of a training tell each other.

Every process makes a part of each batch's predictions and then learns what the others
found, so all of them apply the same update and their weights stay equal to the bit.
Draws are made for the whole batch from one seed: the number of processes changes no
negative.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed
from torch.nn.functional import pad

from tronrec.batches import Batch
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.evaluation.ranking import Ranking, rank_targets
from tronrec.models.recommender import Recommender
from tronrec.ops.sparse_grad import SparseGradient, UnsummedGradient, sum_by_item
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.training.step import Gradients


class SingleProcess:
    """A training in one process, which has nobody to talk to."""

    rank = 0
    count = 1

    def combine(
        self, gradients: Gradients, batch: Batch, encoder: Sequence[Tensor]
    ) -> Gradients:
        """Return the gradients of the whole batch, from those of the part made here.

        Those of the encoder's parameters are replaced in place.
        """
        return gradients

    def rank_targets(
        self,
        model: Recommender,
        terms: RankingTerms,
        sessions: PackedSessions,
        progress: str,
    ) -> Ranking:
        """Return the exact ranks of all events of `sessions`."""
        return rank_targets(model, terms, sessions, progress=progress)

    def check_epoch(self, epoch: int) -> None:
        """Raise a UserError unless all processes have finished the same epoch."""


class DataParallel(SingleProcess):
    """One of several processes; torch's default process group connects them."""

    def __init__(self) -> None:
        """Join the process group, which exists already."""
        self.rank = distributed.get_rank()
        self.count = distributed.get_world_size()

    def combine(
        self, gradients: Gradients, batch: Batch, encoder: Sequence[Tensor]
    ) -> Gradients:
        """Sum the gradients of all parts, each weighted by its share of the events.

        Dense ones go as a single vector, with the loss. Of the item table only touched
        rows are exchanged.
        """
        share = len(batch) / batch.predictions
        dense = [weights.grad for weights in encoder if weights.grad is not None]
        parts = [gradients.loss, *dense]
        vector = torch.cat([tensor.reshape(-1) for tensor in parts]).mul_(share)
        distributed.all_reduce(vector)
        loss, *summed = torch.split(vector, [tensor.numel() for tensor in parts])
        for tensor, total in zip(dense, summed, strict=True):
            tensor.copy_(total.view_as(tensor))
        return Gradients(
            loss.squeeze(), self._sum_rows(gradients.of_items.summed(), share)
        )

    def _sum_rows(self, rows: SparseGradient, share: float) -> SparseGradient:
        """Exchange rows, filled up to the longest part with padding, and sum them."""
        count = torch.tensor([len(rows.item_ids)], device=rows.item_ids.device)
        longest = int(torch.stack(self._gather(count)).max())
        fill = longest - len(rows.item_ids)
        item_ids = torch.cat(self._gather(pad(rows.item_ids, (0, fill))))
        values = pad(rows.values * share, (0, 0, 0, fill))
        values = torch.cat(self._gather(values))
        return sum_by_item(UnsummedGradient.of_rows(item_ids, values))

    def _gather(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensor of each process, all of one shape."""
        gathered = [torch.empty_like(tensor) for _ in range(self.count)]
        distributed.all_gather(gathered, tensor)
        return gathered

    def rank_targets(
        self,
        model: Recommender,
        terms: RankingTerms,
        sessions: PackedSessions,
        progress: str,
    ) -> Ranking:
        """Rank a part of the sessions, and put it together with those of the others."""
        label = progress if self.rank == 0 else None
        if len(sessions) < self.count:
            return rank_targets(model, terms, sessions, progress=label)
        cuts = len(sessions) * np.arange(self.count + 1) // self.count
        low, high = cuts[self.rank : self.rank + 2]
        offsets = sessions.offsets[low : high + 1]
        shard = PackedSessions(
            sessions.items[offsets[0] : offsets[-1]], offsets - offsets[0]
        )
        ranking = rank_targets(model, terms, shard, progress=label)
        rankings: list[Ranking] = self._gather_objects(ranking)
        return Ranking(
            np.concatenate([part.ranks for part in rankings]),
            np.minimum.reduce([part.best_rank_by_item for part in rankings]),
        )

    def check_epoch(self, epoch: int) -> None:
        """Raise a UserError unless all processes have finished the same epoch."""
        epochs = self._gather_objects(epoch)
        if len(set(epochs)) > 1:
            raise UserError(
                f"The checkpoints of the machines are of different epochs ({epochs}, "
                "by process): copy the newest to all of them, or delete all"
            )

    def _gather_objects(self, mine: Any) -> list[Any]:
        """Return the object of each process."""
        gathered: list[Any] = [None] * self.count
        distributed.all_gather_object(gathered, mine)
        return gathered
