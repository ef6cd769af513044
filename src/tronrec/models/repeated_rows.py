"""Rows of which many are sums of the same few vectors, projected for less.

Windows that slide over a session hold the same clicks, each time at another position. A
row is an item's vector and a position's, and a norm is linear but for one number, its
scale. So each vector goes through norm and layer once, and a row is a weighted sum of
what became of its two, which `embedding_bag` makes in one pass.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from tronrec.ops.pair_products import pair_products, weighted_sums

SAVING = 2
"""Rows for each vector from which it costs less to project vectors than rows."""


class RepeatedRows:
    """Rows of the encoder's input, and of what they are sums."""

    def __init__(
        self,
        vectors: Float[Tensor, "clicked size"],
        places: Float[Tensor, "positions size"],
        row: Int[Tensor, "events"],
        position: Int[Tensor, "events"],
    ) -> None:
        """Add the two vectors of each row.

        Args:
            vectors: Vectors of items.
            places: Vectors of positions.
            row: Which item each row is.
            position: At which position.
        """
        self._parts = torch.cat([vectors, places])
        self._first, self._second = row, position + len(vectors)
        pairs = torch.stack([self._first, self._second], 1)
        self.rows: Tensor = embedding_bag(pairs, self._parts, mode="sum")

    @property
    def pays(self) -> bool:
        """Whether there are so many rows that `project` is worth its trouble."""
        return len(self.rows) >= SAVING * len(self._parts)

    def project(
        self,
        norm: nn.LayerNorm,
        weight: Float[Tensor, "out size"],
        bias: Float[Tensor, "out"],
    ) -> Float[Tensor, "events out"]:
        """Return `linear(norm(rows), weight, bias)`, up to rounding."""
        centred = self._parts - self._parts.mean(1, keepdim=True)
        squares, first, second = centred.square().sum(1), self._first, self._second
        twice = 2 * pair_products(centred, centred, first, second)
        variance = (squares[first] + squares[second] + twice) / centred.shape[1]
        scale = (variance.clamp(min=0) + norm.eps).rsqrt()
        shift = bias + weight @ norm.bias
        terms = torch.cat([(centred * norm.weight) @ weight.T, shift[None]])
        last = torch.full_like(first, len(centred))
        return weighted_sums(
            terms,
            torch.stack([first, second, last], 1),
            torch.stack([scale, scale, torch.ones_like(scale)], 1),
        )
