"""Packed rows: the clicks of sessions back to back, without padding.

A batch of sessions is n rows. Linear layers and norms see n rows, and attention sees
blocks of consecutive rows (`tronrec.models.attention`).
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Layout:
    """To which session each packed row belongs, and where it stands in it."""

    session: Int[Tensor, "events"]
    """Number of the row's session in the batch, ascending."""
    position: Int[Tensor, "events"]
    """0 at the first click of the window: counted from the left, so a hidden state does
    not know how long the session will be."""
    longest: int
    """Rows of a session, at most."""

    def padded(self, rows: int) -> Self:
        """Return the layout with so many rows more, of a session of their own."""
        extra = (self.session[-1:] + 1).expand(rows)
        session = torch.cat([self.session, extra])
        return type(self)(session, pad(self.position, (0, rows)), self.longest)
