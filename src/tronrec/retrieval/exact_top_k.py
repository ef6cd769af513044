"""The best items of the whole catalogue for a hidden state: fast, and provably exact.

1. A coarse product of all items, in the precision that the processor is fast in, gives
   each item a score with a known largest error.
2. The k-th best coarse score bounds the score that a member of the best k can have.
3. Every item whose coarse score, with its error, could reach the bound is scored again
   in float32. What the coarse product can never do is decide.

Cost: one pass over the table. On a CPU it is one of int8, and products are looked at
while they are in its cache.
"""

import math
from dataclasses import dataclass
from threading import Lock
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.errors import UserError
from tronrec.ops.coarse_table import CoarseTable, largest_norm
from tronrec.ops.pair_products import pair_products
from tronrec.ops.quantized_table import QuantizedTable
from tronrec.ops.rounded_table import RoundedTable

NOT_FINITE = (
    "The model's scores are not finite; train it again with a lower "
    "training.learning_rate"
)


@dataclass(frozen=True)
class ScoredItems:
    """Pairs of an event and an item, with the item's float32 score for the event."""

    event: Int[Tensor, "pairs"]
    item: Int[Tensor, "pairs"]
    score: Float[Tensor, "pairs"]

    def sorted(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the pairs by event, the best item first; ties by item number."""
        by_item = self.item.argsort()
        by_score = by_item[self.score[by_item].argsort(descending=True, stable=True)]
        order = by_score[self.event[by_score].argsort(stable=True)]
        return self.event[order], self.item[order], self.score[order]

    def update(self, others: Self) -> Self:
        """Return the pairs of both; where both have one, with the others' score."""
        known = (others.event << 32) + others.item
        kept = torch.isin((self.event << 32) + self.item, known, invert=True)
        return type(self)(
            torch.cat([self.event[kept], others.event]),
            torch.cat([self.item[kept], others.item]),
            torch.cat([self.score[kept], others.score]),
        )

    def first(
        self, events: int, k: int
    ) -> tuple[Int[Tensor, "events k"], Float[Tensor, "events k"]]:
        """Return the best k items of each event, which has so many, with scores."""
        event, item, score = self.sorted()
        begins = torch.searchsorted(event, torch.arange(events).to(event))
        rows = begins[:, None] + torch.arange(k).to(event)
        return item[rows], score[rows]


class ExactTopK:
    """An item table that is searched for the best items of hidden states."""

    def __init__(self, table: Float[Tensor, "rows size"], coarse: torch.dtype) -> None:
        """Check the table; it is rounded by the first search that needs it.

        Args:
            table: Item vectors; row 0 is padding and never found.
            coarse: Precision of the first product on a GPU; a CPU's is int8.

        Raises:
            UserError: The table holds a vector that is not finite.
        """
        self.table, self.dtype = table, coarse
        self.norm = largest_norm(table)
        if not math.isfinite(self.norm):
            raise UserError(
                "The model's item vectors are not finite; train it again with a lower "
                "training.learning_rate"
            )
        self._coarse: CoarseTable | None = None
        self._lock = Lock()

    def _coarse_table(self) -> CoarseTable:
        """Return the table in low precision, which is made when it is first needed."""
        if self._coarse is None:
            if self.table.device.type == "cpu":
                self._coarse = QuantizedTable(self.table, self.norm)
            else:
                self._coarse = RoundedTable(self.table, self.dtype, self.norm)
        return self._coarse

    def score(
        self,
        hidden: Float[Tensor, "events size"],
        event: Int[Tensor, "pairs"],
        item: Int[Tensor, "pairs"],
    ) -> Float[Tensor, "pairs"]:
        """Return the float32 score of pairs: the only scores that decide anything."""
        return pair_products(hidden, self.table, event, item)

    def search(self, hidden: Float[Tensor, "events size"], k: int) -> ScoredItems:
        """Return every item among the best `k` of an event, and those in doubt.

        An item that is left out scores less than `k` others, surely.

        Raises:
            UserError: A hidden state is not finite.
        """
        if not hidden.isfinite().all():
            raise UserError(NOT_FINITE)
        with self._lock:  # the table's memory for products is one for all threads
            event, item = self._coarse_table().search(hidden, k)
        return ScoredItems(event, item, self.score(hidden, event, item))
