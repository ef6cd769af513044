"""The best items of the whole catalogue for a hidden state: fast, and provably exact.

1. A coarse product of all items, in the precision that the processor is fast in, gives
   each item a score with a known largest error.
2. The k-th best coarse score bounds the score that a member of the best k can have.
3. Every item whose coarse score, with its error, could reach the bound is scored again
   in float32. What the coarse product can never do is decide.

Cost: one pass over the table. On a CPU it is one of int8, and products are looked at
where they arise.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.errors import UserError
from tronrec.ops.coarse_table import (
    CoarseTable,
    QuantizedTable,
    RoundedTable,
    largest_norm,
)
from tronrec.ops.pair_products import pair_products
from tronrec.schemas import PADDING

GROUPS = 8
"""Groups of which one maximum bounds the score of the last of the best."""
SCORES = 1 << 26
"""Coarse scores computed at once, which bounds the memory at any |I|."""
NOT_FINITE = (
    "The model's scores are not finite; train it again with a lower "
    "training.learning_rate"
)
FEW = 32
"""Hidden states up to which a CPU that multiplies bfloat16 searches a table of int8
nevertheless; one that does not always does."""


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


class ExactTopK:
    """An item table that is searched for the best items of hidden states."""

    def __init__(self, table: Float[Tensor, "rows size"], coarse: torch.dtype) -> None:
        """Check the table; it is rounded by the first search that needs it.

        Args:
            table: Item vectors; row 0 is padding and never found.
            coarse: Precision of the first product for many hidden states.

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
        self._rounded: RoundedTable | None = None
        self._quantized: QuantizedTable | None = None

    def _choose_coarse(self, events: int) -> CoarseTable:
        """Return the table for a search of so many hidden states.

        Where one of bfloat16 is as good for many, that of int8 is made only if the
        first search is of a few: a service wants it, and an evaluation, whose last
        batch is a small one, does not.
        """
        on_cpu, is_first = self.table.device.type == "cpu", self._rounded is None
        few = events <= FEW and (is_first or self._quantized is not None)
        if on_cpu and (few or self.dtype == torch.float32):
            if self._quantized is None:
                self._quantized = QuantizedTable(self.table, self.norm)
            return self._quantized
        if self._rounded is None:
            self._rounded = RoundedTable(self.table, self.dtype, self.norm)
        return self._rounded

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
        coarse = self._choose_coarse(len(hidden)).ask(hidden)
        best = torch.empty(len(hidden), 0)
        events, items = [], []
        block = max(1, SCORES // max(1, len(hidden)))
        for start in range(PADDING + 1, len(self.table), block):
            rows = slice(start, min(start + block, len(self.table)))
            maxima = coarse.maxima(rows)
            some = _some_of_the_best(maxima, k)
            best = torch.cat([best.to(some), some], 1)
            best = best.topk(min(k, best.shape[1]), dim=1).values
            enough = best.shape[1] == k
            least = coarse.reach(best[:, -1] if enough else coarse.below_all)
            event, item = coarse.reaching(rows, maxima, least)
            events.append(event)
            items.append(item)
        event, item = torch.cat(events), torch.cat(items)
        return ScoredItems(event, item, self.score(hidden, event, item))


def _some_of_the_best(
    maxima: Float[Tensor, "events groups"], k: int
) -> Float[Tensor, "events some"]:
    """Return scores of which the least is no more than the `k`-th best of all.

    The best of many groups at once are quickly found, and few of them share one.
    """
    each = maxima.shape[1] // GROUPS
    if each >= GROUPS * k:
        maxima = maxima[:, : GROUPS * each].reshape(len(maxima), GROUPS, each).amax(1)
    return maxima.topk(min(k, maxima.shape[1]), dim=1).values
