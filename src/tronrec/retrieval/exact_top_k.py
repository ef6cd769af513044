"""The best items of the whole catalogue for a hidden state: fast, and provably exact.

A coarse product (bfloat16 where the processor has it) of all items bounds the score of
the last item that can be among the best `k`; every item whose coarse score, with
its largest possible error, could reach that bound is scored again in float32. What the
coarse product can never do is decide.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.errors import UserError
from tronrec.ops.matmul import all_products
from tronrec.ops.pair_products import pair_products
from tronrec.ops.scratch import Scratch
from tronrec.schemas import PADDING

GROUP = 16
"""Items whose maximum is looked at first."""
GROUPS = 8
"""Groups of which one maximum bounds the score of the last of the best."""
BLOCK = 65_536
"""Items scored at once: memory is `BLOCK` coarse scores an event, at any |I|."""
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
        """Round the table once.

        Args:
            table: Item vectors; row 0 is padding and never found.
            coarse: Precision of the first product.

        Raises:
            UserError: The table holds a vector that is not finite.
        """
        self.table = table
        self.coarse = table.to(coarse)
        self.scratch = Scratch()
        self.norm: Tensor = table[PADDING + 1 :].norm(dim=1).max()
        if not self.norm.isfinite():
            raise UserError(
                "The model's item vectors are not finite; train it again with a lower "
                "training.learning_rate"
            )
        self.residual: Tensor = torch.stack(
            [
                (part - rounded.float()).norm(dim=1).max()
                for part, rounded in zip(
                    torch.split(table, BLOCK),
                    torch.split(self.coarse, BLOCK),
                    strict=True,
                )
            ]
        ).max()
        self.unit = 0.0 if coarse == torch.float32 else torch.finfo(coarse).eps / 2

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
        rounded = hidden.to(self.coarse.dtype)
        margin = self._margin(hidden, rounded.float())
        best = hidden.new_full((len(hidden), k), -torch.inf)
        events, items = [], []
        for start in range(PADDING + 1, len(self.table), BLOCK):
            scores = all_products(rounded, self._block(start), self.scratch)
            scores[:, min(BLOCK, len(self.table) - start) :] = -torch.inf
            groups = scores.view(len(hidden), GROUP, -1)
            maxima = groups.amax(1)
            best = torch.cat([best, _some_of_the_best(maxima, k).float()], 1)
            best = best.topk(k, dim=1).values
            bound = self._reach(best[:, -1], margin)
            event, group = (maxima >= bound[:, None]).nonzero(as_tuple=True)
            member = groups[event, :, group] >= bound[event, None]
            pair, row = member.nonzero(as_tuple=True)
            events.append(event[pair])
            items.append(start + group[pair] + row * maxima.shape[1])
        event, item = torch.cat(events), torch.cat(items)
        return ScoredItems(event, item, self.score(hidden, event, item))

    def _block(self, start: int) -> Float[Tensor, "items size"]:
        """Return the coarse vectors from `start` on, filled up to full groups."""
        block = self.coarse[start : start + BLOCK]
        fill = -len(block) % (GROUP * GROUPS)
        return torch.nn.functional.pad(block, (0, 0, 0, fill)) if fill else block

    def _margin(
        self,
        hidden: Float[Tensor, "events size"],
        rounded: Float[Tensor, "events size"],
    ) -> Float[Tensor, "events"]:
        """Bound |coarse - float32| by Cauchy-Schwarz, before the result is rounded.

        h·e - h'·e' = (h - h')·e + h'·(e - e'), and both ways of summing err.
        """
        residual: Tensor = (hidden - rounded).norm(dim=1)
        size: Tensor = rounded.norm(dim=1)
        summing = 2 * ACCUMULATION * (size + residual) * (self.norm + self.residual)
        return residual * self.norm + size * self.residual + summing

    def _reach(
        self, last: Float[Tensor, "events"], margin: Float[Tensor, "events"]
    ) -> Float[Tensor, "events"]:
        """Return the least coarse score that a member of the best `k` can have.

        `last` is the `k`-th best coarse score or less. Undo its rounding, allow for
        the error of that score and of the member's own, and round again.
        """
        down = self.unit / (1 - self.unit)
        score = last - down * last.abs() - 2 * margin
        lowest = torch.finfo(self.coarse.dtype).min  # while there are fewer than `k`
        score = torch.where(last.isneginf(), lowest, score - self.unit * score.abs())
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
