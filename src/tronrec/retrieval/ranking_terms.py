"""What an item's score has beside the product of hidden state and item vector."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.params import RankingParams
from tronrec.retrieval.trend import count_trend


@dataclass(frozen=True)
class RankingTerms:
    """The trend of each item, and what the session's own items gain."""

    params: RankingParams
    trend: Float[Tensor, "rows"] | None
    """Log of the recent by the overall share of clicks, by item number; None: the score
    has no trend."""

    @classmethod
    def count(
        cls, params: RankingParams, num_items: int, *clicks: Int[np.ndarray, "clicks"]
    ) -> Self:
        """Count the trend where it is part of the score.

        Args:
            params: The terms.
            num_items: Items of the catalogue.
            clicks: Items of all clicks, in parts; sessions in the order of their first.
        """
        if not params.trend:
            return cls(params, None)
        return cls(params, count_trend(clicks, num_items, params.trend_memory))

    def widen_items(
        self, item_embeddings: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows wider"]:
        """Return item vectors with the trend, where there is one, as a last component.

        Times a hidden state of `widen_hidden` they are score and trend in one product.
        """
        if self.trend is None:
            return item_embeddings
        trend = self.trend.to(item_embeddings.device)
        return torch.cat([item_embeddings, self.params.trend * trend[:, None]], 1)

    def widen_hidden(
        self, hidden: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events wider"]:
        """Return hidden states with a 1 behind them, where there is a trend."""
        if self.trend is None:
            return hidden
        return torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1)
