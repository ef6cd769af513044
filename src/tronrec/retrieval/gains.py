"""What some items gain in score beside the product with the hidden state.

Each event has a few such items of its own, and they may be any of the catalogue. They
are scored one by one; the search for the best of all others knows nothing of gains.
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.retrieval.exact_top_k import ExactTopK, ScoredItems
from tronrec.schemas import PADDING


@dataclass(frozen=True)
class Gains:
    """The items of each event that gain, none of them twice, and how much."""

    items: Int[Tensor, "events some"]
    """Item numbers; padding stands where there is no item."""
    values: Float[Tensor, "events some"]
    """What each of them gains, or loses; anything where there is no item."""

    def of(self, items: Int[Tensor, "events"]) -> Float[Tensor, "events"]:
        """Return what one item of each event gains."""
        return self.of_each(items[:, None])[:, 0]

    def of_each(self, items: Int[Tensor, "events few"]) -> Float[Tensor, "events few"]:
        """Return what some items of each event gain."""
        same = self.items[:, :, None] == items[:, None]
        return (same * self.values[:, :, None]).sum(1)

    def of_all(self, items: Int[Tensor, "items"]) -> Float[Tensor, "events items"]:
        """Return what each of some items gains for each event."""
        return self.of_each(items.expand(len(self.items), -1))

    def join(self, others: Self) -> Self:
        """Return the items of both, these first; an item of both gains both."""
        same = self.items[:, :, None] == others.items[:, None]
        same &= (self.items != PADDING)[:, :, None]
        values = self.values + (same * others.values[:, None]).sum(2)
        items = others.items.masked_fill(same.any(1), PADDING)
        return type(self)(
            torch.cat([self.items, items], 1), torch.cat([values, others.values], 1)
        )

    @property
    def surplus(self) -> int:
        """How many items may come in for items of an event that fall behind."""
        losing = (self.values < 0) & (self.items != PADDING)
        return int(losing.sum(1).max()) if losing.numel() else 0

    def add_to(
        self,
        best: ScoredItems,
        index: ExactTopK,
        hidden: Float[Tensor, "events size"],
    ) -> ScoredItems:
        """Return the best items once the gains are part of their scores.

        An item without a gain is among the best only if it is without the gains, too,
        or if others fall behind it. Those with one are all added.

        Args:
            best: Every item among the best of an event without the gains, by `surplus`
                more than are wanted.
            index: What scores the items.
            hidden: Hidden state of each event.
        """
        event, column = (self.items != PADDING).nonzero(as_tuple=True)
        item = self.items[event, column]
        score = index.score(hidden, event, item) + self.values[event, column]
        return best.update(ScoredItems(event, item, score))
