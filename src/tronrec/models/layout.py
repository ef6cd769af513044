"""Packed rows: the clicks of sessions back to back, without padding.

A batch of sessions is n rows. Linear layers and norms see n rows, and attention sees
blocks of consecutive rows (`tronrec.models.attention`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from jaxtyping import Bool, Int
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
    equal: bool = False
    """Whether every session has `longest` rows."""

    @property
    def ends(self) -> Int[Tensor, "sessions"]:
        """The last row of each session."""
        return torch.bincount(self.session).cumsum(0) - 1

    def select(self, kept: Bool[Tensor, "sessions"]) -> tuple[Tensor, Self]:
        """Return the rows of some sessions, as a mask, and their own layout."""
        rows = kept[self.session]
        session = (kept.cumsum(0) - 1)[self.session[rows]]
        position = self.position[rows]
        longest = int(position.max()) + 1
        equal = len(position) == longest * (int(session[-1]) + 1)
        return rows, type(self)(session, position, longest, equal)

    def split(self, sessions: int) -> Iterator[tuple[slice, Self]]:
        """Yield the rows of so many sessions at a time, and their own layouts."""
        cuts = [0, *(self.ends[sessions - 1 : -1 : sessions] + 1).tolist()]
        for low, high in pairwise([*cuts, len(self.session)]):
            number = self.session[low:high] - self.session[low]
            position = self.position[low:high]
            yield (
                slice(low, high),
                type(self)(number, position, self.longest, self.equal),
            )

    def padded(self, rows: int) -> Self:
        """Return the layout with so many rows more, of a session of their own."""
        extra = (self.session[-1:] + 1).expand(rows)
        session = torch.cat([self.session, extra])
        return type(self)(session, pad(self.position, (0, rows)), self.longest)
