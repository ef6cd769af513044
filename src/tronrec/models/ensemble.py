"""Several encoders side by side, each of which reads and writes columns of its own.

Models that differ in their initial weights alone err differently, and the mean of their
scores is better than each (Lakshminarayanan et al., 2017). A score is a product, so the
mean of several is one product of what lies side by side: to all that ranks or
recommends, an ensemble is one model that is wider.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tronrec.models.layout import Layout


class Ensemble(nn.Module):
    """Item vectors of all members side by side in, their hidden states out."""

    def __init__(self, members: Iterable[nn.Module]) -> None:
        """Take encoders of one shape."""
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(
        self, vectors: Float[Tensor, "events wide"], layout: Layout
    ) -> Float[Tensor, "events wide"]:
        """Return the hidden state of every row; no row sees a later one."""
        pairs = self.by_member(vectors)
        return torch.cat([member(own, layout) for member, own in pairs], 1)

    def last_states(
        self,
        vectors: Float[Tensor, "clicked wide"],
        row: Int[Tensor, "events"],
        layout: Layout,
    ) -> Float[Tensor, "sessions wide"]:
        """Return the hidden state of the last row of each session, without dropout."""
        pairs = self.by_member(vectors)
        last = [cast(Any, one).last_states(own, row, layout) for one, own in pairs]
        return torch.cat(last, 1)

    def by_member(
        self, vectors: Float[Tensor, "... wide"]
    ) -> Iterator[tuple[nn.Module, Float[Tensor, "... size"]]]:
        """Return each member with the columns that are its own."""
        own = vectors.chunk(len(self.members), -1)
        return zip(self.members, own, strict=True)
