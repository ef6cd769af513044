"""What items gain in score by having been clicked in the session before.

Visitors come back: a fifth of Diginetica's clicks are on an item of the same session. A
model is surer of what follows in the sessions it has learned than in new ones, and so
it rates coming back too low there. Training cannot tell it, validation can.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from tronrec.batches import Batch
from tronrec.params import RankingParams
from tronrec.retrieval.exact_top_k import ExactTopK, ScoredItems
from tronrec.schemas import PADDING


@dataclass(frozen=True)
class Repeats:
    """The items of the session up to each event, and their gains."""

    items: Int[Tensor, "events clicks"]
    """That of the last click first; padding stands where there is no click, or a later
    one on the same item."""
    gains: Float[Tensor, "events clicks"]
    """What each of them gains, or loses."""

    def gain(self, items: Int[Tensor, "events"]) -> Float[Tensor, "events"]:
        """Return what one item of each event gains."""
        return ((self.items == items[:, None]) * self.gains).sum(1)

    def gains_of(self, items: Int[Tensor, "items"]) -> Float[Tensor, "events items"]:
        """Return what each of some items, which are distinct, gains for each event."""
        same = self.items[:, :, None] == items
        return (same * self.gains[:, :, None]).sum(1)

    @property
    def surplus(self) -> int:
        """How many items may come in for items of the session that fall behind."""
        return self.items.shape[1] if bool((self.gains < 0).any()) else 0

    def add_gains(
        self,
        best: ScoredItems,
        index: ExactTopK,
        hidden: Float[Tensor, "events size"],
    ) -> ScoredItems:
        """Return the best items once the gains are part of their scores.

        An item that is not of the session is among the best only if it is without
        gains, too, or if items of the session fall behind it. Those are all added.

        Args:
            best: Every item among the best of an event without the gains, by `surplus`
                more than are wanted.
            index: What scores the items of the session.
            hidden: Hidden state of each event.
        """
        event, column = (self.items != PADDING).nonzero(as_tuple=True)
        item = self.items[event, column]
        score = index.score(hidden, event, item) + self.gains[event, column]
        clicked = (event << 32) + item
        others = torch.isin((best.event << 32) + best.item, clicked, invert=True)
        return ScoredItems(
            torch.cat([best.event[others], event]),
            torch.cat([best.item[others], item]),
            torch.cat([best.score[others], score]),
        )


def find_repeats(
    batch: Batch, counted: Bool[Tensor, "events"], params: RankingParams
) -> Repeats:
    """Return the session's items up to the events that count, and what they gain.

    Args:
        batch: The sessions.
        counted: Which of its events count.
        params: What the item of the last click gains, of the one before it, and so on;
            and what any gains for its clicks.
    """
    lag = torch.arange(batch.layout.longest, device=counted.device)
    last = batch.inputs[counted, None]
    items = batch.clicks[(last - lag).clamp(min=0)]
    items = items.masked_fill(lag > batch.layout.position[counted, None], PADDING)
    ordered, order = items.sort(dim=1, stable=True)
    again = pad(ordered[:, 1:] == ordered[:, :-1], (1, 0))
    by_lag = torch.tensor(params.gains_by_lag, device=counted.device)
    gains = by_lag[lag.clamp(max=len(by_lag) - 1)].expand(items.shape)
    if params.count_gain:
        logs = torch.zeros_like(gains).scatter(1, order, _run_lengths(again).log())
        gains = gains + params.count_gain * logs
    again = torch.zeros_like(again).scatter(1, order, again)
    return Repeats(items.masked_fill(again, PADDING), gains)


def _run_lengths(
    again: Bool[Tensor, "events clicks"],
) -> Float[Tensor, "events clicks"]:
    """Return how long the run of each column is; `again`: it goes on with the run."""
    run = (~again).cumsum(1) - 1
    ones = torch.ones(run.shape, device=run.device)
    return torch.zeros_like(ones).scatter_add(1, run, ones).gather(1, run)
