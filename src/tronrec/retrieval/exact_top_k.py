"""The best items of the whole catalogue for a hidden state: fast, and provably exact.

1. A coarse product of all items, in the precision that the processor is fast in, gives
   each item a score with a known largest error.
2. The k-th best coarse score bounds the score that a member of the best k can have.
3. Every item whose coarse score, with its error, could reach the bound is scored again
   in float32. What the coarse product can never do is decide.

Cost: one pass over the table. Where many hidden states are searched at once, arithmetic
takes the time, and for a few the reading of the table, which is then one of int8.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.errors import UserError
from tronrec.ops.coarse_table import CoarseTable, QuantizedTable, RoundedTable
from tronrec.ops.pair_products import pair_products
from tronrec.ops.scratch import Scratch
from tronrec.schemas import PADDING

GROUP = 16
"""Items whose maximum is looked at first."""
GROUPS = 8
"""Groups of which one maximum bounds the score of the last of the best."""
SCORES = 1 << 26
"""Coarse scores computed at once, which bounds the memory at any |I|."""
FEW = 16
"""Hidden states up to which a CPU searches a table of int8. On two cores with AVX2 it
took a quarter of the time of float32 for 1 to 8, and half for 16, of 1.9 million items;
for 64 it took longer."""
ACCUMULATION = 1e-4
"""Bound of the relative error of summing products in float32, generously."""


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
        self.scratch = Scratch()
        self.norm: Tensor = table[PADDING + 1 :].norm(dim=1).max()
        if not self.norm.isfinite():
            raise UserError(
                "The model's item vectors are not finite; train it again with a lower "
                "training.learning_rate"
            )
        self._rounded: RoundedTable | None = None
        self._quantized: QuantizedTable | None = None

    def _choose_coarse(self, events: int) -> CoarseTable:
        """Return the table for a search of so many hidden states.

        A table of int8 is made only where the first search is of a few: a service
        wants it, and an evaluation, whose last batch is a small one, does not.
        """
        is_first = self._rounded is None
        few = events <= FEW and self.table.device.type == "cpu"
        if few and (is_first or self._quantized is not None):
            self._quantized = self._quantized or QuantizedTable(self.table)
            return self._quantized
        self._rounded = self._rounded or RoundedTable(self.table, self.dtype)
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
        """
        coarse = self._choose_coarse(len(hidden))
        scaled = hidden if coarse.scale is None else hidden * coarse.scale
        margin = self._margin(scaled, coarse)
        best = hidden.new_full((len(hidden), k), -torch.inf)
        events, items = [], []
        block = max(1, SCORES // max(1, len(hidden)))
        for start in range(PADDING + 1, len(self.table), block):
            rows = slice(start, min(start + block, len(self.table)))
            fill = -(rows.stop - start) % (GROUP * GROUPS)
            scores = coarse.products(scaled, rows, fill, self.scratch)
            groups = scores.view(len(hidden), GROUP, -1)
            maxima = groups.amax(1)
            best = torch.cat([best, _some_of_the_best(maxima, k).float()], 1)
            best = best.topk(k, dim=1).values
            bound = _reach(best[:, -1], margin, coarse)
            event, group = (maxima >= bound[:, None]).nonzero(as_tuple=True)
            member = groups[event, :, group] >= bound[event, None]
            pair, row = member.nonzero(as_tuple=True)
            events.append(event[pair])
            items.append(start + group[pair] + row * maxima.shape[1])
        event, item = torch.cat(events), torch.cat(items)
        return ScoredItems(event, item, self.score(hidden, event, item))

    def _margin(
        self, hidden: Float[Tensor, "events size"], coarse: CoarseTable
    ) -> Float[Tensor, "events"]:
        """Bound |coarse - float32| by Cauchy-Schwarz, before the result is rounded.

        h·e - h'·e' = (h - h')·e + h'·(e - e'), and both ways of summing err. Where h is
        scaled, e is divided, and not longer than `norm` all the more.
        """
        rounded = hidden.to(coarse.dtype).float()
        residual: Tensor = (hidden - rounded).norm(dim=1)
        size: Tensor = rounded.norm(dim=1)
        summing = 2 * ACCUMULATION * (size + residual) * (self.norm + coarse.residual)
        return residual * self.norm + size * coarse.residual + summing


def _reach(
    last: Float[Tensor, "events"], margin: Float[Tensor, "events"], coarse: CoarseTable
) -> Float[Tensor, "events"]:
    """Return the least coarse score that a member of the best `k` can have.

    `last` is the `k`-th best coarse score or less. Undo its rounding, allow for the
    error of that score and of the member's own, and round again.
    """
    down = coarse.unit / (1 - coarse.unit)
    score = last - down * last.abs() - 2 * margin
    lowest = torch.finfo(coarse.dtype).min  # while there are fewer than `k`
    score = torch.where(last.isneginf(), lowest, score - coarse.unit * score.abs())
    reach: Tensor = score.clamp(min=lowest)
    return reach


def _some_of_the_best(
    maxima: Float[Tensor, "events groups"], k: int
) -> Float[Tensor, "events some"]:
    """Return scores of which the least is no more than the `k`-th best of all.

    The best of many groups at once are quickly found, and few of them share one.
    """
    wide = maxima.view(len(maxima), GROUPS, -1)
    if wide.shape[2] >= GROUPS * k:
        maxima = wide.amax(1)
    return maxima.topk(min(k, maxima.shape[1]), dim=1).values
