"""What an item's score has beside the product of hidden state and item vector."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tronrec.batches import Batch
from tronrec.data.packed import PackedSessions
from tronrec.params import RankingParams
from tronrec.retrieval.gains import Gains
from tronrec.retrieval.repeats import find_repeats
from tronrec.retrieval.reranker import Network, Reranker, count_popularity
from tronrec.retrieval.successors import Successors, count_successors
from tronrec.retrieval.trend import count_trend


@dataclass(frozen=True)
class RankingTerms:
    """The trend of each item, and what some items gain after a session."""

    params: RankingParams
    trend: Float[Tensor, "rows"] | None
    """Log of the recent by the overall share of clicks, by item number; None: the score
    has no trend."""
    successors: Successors | None = None
    """What followed each item of late; None: nothing gains by that."""
    reranker: Reranker | None = None
    """What orders the best items of an event anew; None: nothing does."""

    @classmethod
    def count(
        cls, params: RankingParams, num_items: int, *sessions: PackedSessions
    ) -> Self:
        """Count what is part of the score.

        Args:
            params: The terms.
            num_items: Items of the catalogue.
            sessions: All sessions, in parts, by their start.
        """
        trend = successors = None
        if params.trend:
            clicks = [part.items for part in sessions]
            trend = count_trend(clicks, num_items, params.trend_memory)
        if params.successors:
            successors = count_successors(sessions, num_items)
        popularity = None
        if params.reranker:
            popularity = count_popularity(sessions, num_items)
        return cls.of(params, trend, successors, popularity)

    @classmethod
    def of(
        cls,
        params: RankingParams,
        trend: Float[Tensor, "rows"] | None,
        successors: Successors | None,
        popularity: Float[Tensor, "rows"] | None,
    ) -> Self:
        """Put together what was counted."""
        reranker = None
        if params.reranker and popularity is not None:
            reranker = Reranker(Network.decode(params.reranker), popularity)
        return cls(params, trend, successors, reranker)

    def with_successors(self, num_items: int, *sessions: PackedSessions) -> Self:
        """Return the terms with successors, which calibration tries, counted too."""
        if self.successors is not None:
            return self
        return replace(self, successors=count_successors(sessions, num_items))

    def are_for(self, num_items: int) -> bool:
        """Return whether what was counted can be that of so many items."""
        known = self.reranker.popularity if self.reranker else None
        sound = all(
            part is None
            or (part.shape == (num_items + 1,) and bool(part.isfinite().all()))
            for part in (self.trend, known)
        )
        complete = bool(self.params.reranker) == (self.reranker is not None)
        follow = self.successors
        return sound and complete and (follow is None or follow.are_for(num_items))

    def to(self, device: torch.device) -> Self:
        """Return the same terms on a device."""
        return replace(
            self,
            trend=None if self.trend is None else self.trend.to(device),
            successors=self.successors and self.successors.to(device),
            reranker=self.reranker and self.reranker.to(device),
        )

    def widen_items(
        self, item_embeddings: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows wider"]:
        """Return item vectors with the trend, where there is one, as a last component.

        Times a hidden state of `widen_hidden` they are score and trend in one product.
        """
        if self.trend is None:
            return item_embeddings
        trend = self.params.trend * self.trend[:, None]
        return torch.cat([item_embeddings, trend], 1)

    def widen_hidden(
        self, hidden: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events wider"]:
        """Return hidden states with a 1 behind them, where there is a trend."""
        if self.trend is None:
            return hidden
        return torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1)

    def find_gains(self, batch: Batch, counted: Bool[Tensor, "events"]) -> Gains | None:
        """Return what gains after the events that count; None: nothing does.

        Args:
            batch: The sessions.
            counted: Which of its events count.
        """
        found = []
        if self.params.favours_repeats:
            found.append(find_repeats(batch, counted, self.params))
        if self.successors is not None and self.params.successors:
            last = batch.clicks[batch.inputs[counted]]
            found.append(self.successors.after(last, self.params.successors))
        if not found:
            return None
        return found[0] if len(found) == 1 else found[0].join(found[1])
