"""Attention of the last row of each session alone, where no other state is wanted.

A single query has no use for the keys and values of all rows: instead of projecting
each row, the query is carried back through the keys' weights, and the mean of the rows
forward through those of the values. Both are linear, so this computes the same, and
costs a row no product with a matrix.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from tronrec.models.layout import Layout


class LastRows:
    """The rows of each session side by side, to be seen by the last of them."""

    def __init__(self, layout: Layout) -> None:
        """Find the rows of each session."""
        self.ends = layout.ends
        self._shape = len(self.ends), layout.longest
        self._equal = layout.equal
        if not self._equal:
            lag = torch.arange(layout.longest, device=self.ends.device)
            self._rows = (self.ends[:, None] - lag).clamp(min=0)
            self._missing = lag > layout.position[self.ends, None]

    def together(
        self, rows: Float[Tensor, "events size"]
    ) -> Float[Tensor, "sessions longest size"]:
        """Return the rows by session; where there are too few, any stand for them."""
        return rows.view(*self._shape, -1) if self._equal else rows[self._rows]

    def means(
        self,
        queries: Float[Tensor, "sessions heads size"],
        keys: Float[Tensor, "sessions longest size"],
        values: Float[Tensor, "sessions longest size"],
    ) -> Float[Tensor, "sessions heads size"]:
        """Return the values of each session, weighted by attention to the keys."""
        scores = queries @ keys.mT
        if not self._equal:
            scores = scores.masked_fill(self._missing[:, None], -torch.inf)
        return scores.softmax(-1) @ values
