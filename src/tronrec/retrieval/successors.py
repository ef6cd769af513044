"""What followed an item of late: a part of the scores after a click on it.

A model generalises, and blurs what it has seen again and again: that this item comes
after that one. Sequential rules remember it (Ludewig and Jannach, 2018), count it in no
time, and know of what is new in the shop from its first clicks on. Here they are a term
of the score, as a wide part is beside a deep one, and no recommender of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from torch import Tensor

from tronrec.data.packed import PackedSessions
from tronrec.retrieval.gains import Gains

KEPT = 20
"""Successors of an item, at most: the likeliest."""
MEMORY = 0.1
"""Mean age of what counts, as a share of all clicks."""
OLDEST = 5
"""Memories after which a pair no longer counts."""
BACKWARDS = 0.5
"""What it counts that an item came directly before instead of after."""
PRIOR = 1.0
"""Pairs with something unknown that an item is taken to have, beside those it had."""
FLOOR = 0.003
"""Share of an item's pairs that is worth little more than none."""
SLAB = 2**22
"""Clicks counted at once."""
ROWS = 2**16
"""Items whose successors are chosen at once."""


@dataclass(frozen=True)
class Successors:
    """The likeliest successors of every item; row 0 is that of padding."""

    items: Int[Tensor, "rows kept"]
    """Item numbers, the likeliest first, then padding."""
    gains: Float[Tensor, "rows kept"]
    """log(1 + share / `FLOOR`), where the share is that of the item's pairs; 0 for
    padding."""

    def are_for(self, num_items: int) -> bool:
        """Return whether these can be the successors of so many items."""
        known = (self.items >= 0) & (self.items <= num_items)
        return (
            len(self.items) == num_items + 1
            and self.items.shape == self.gains.shape
            and bool(known.all() and self.gains.isfinite().all())
        )

    def to(self, device: torch.device) -> Self:
        """Return the same on a device."""
        return type(self)(self.items.to(device), self.gains.to(device))

    def after(self, items: Int[Tensor, "events"], weight: float) -> Gains:
        """Return what is likely to follow a click on some items, and gains for that."""
        return Gains(self.items[items].long(), weight * self.gains[items])


def count_successors(sessions: Sequence[PackedSessions], num_items: int) -> Successors:
    """Return the likeliest successors of every item.

    Two clicks of a session, one directly after the other, are a pair. It counts by
    exp(-age / `MEMORY`), where its age is the share of all clicks that came after its
    first one; for the item of the second, by `BACKWARDS` times as much.

    Args:
        sessions: All sessions, in parts, by their start.
        num_items: Items of the catalogue.
    """
    rows = num_items + 1
    pairs = csr_array((rows, rows), dtype=np.float32)
    for item, successor, weight in _recent_pairs(sessions):
        pairs = pairs + csr_array((weight, (item, successor)), (rows, rows))
    pairs = (pairs + BACKWARDS * pairs.T).tocsr()
    items = np.zeros((rows, KEPT), np.int32)
    gains = np.zeros((rows, KEPT), np.float32)
    for begin in range(0, rows, ROWS):
        some = pairs[begin : begin + ROWS]
        row = np.repeat(np.arange(some.shape[0]), np.diff(some.indptr))
        order = np.lexsort((some.indices, -some.data, row))
        place = np.arange(len(row)) - some.indptr[row]
        kept = place < KEPT
        where = begin + row[kept], place[kept]
        share = some.data / (some.sum(1) + PRIOR)[row]
        items[where] = some.indices[order][kept]
        gains[where] = np.log1p(share[order][kept] / FLOOR)
    return Successors(torch.from_numpy(items), torch.from_numpy(gains))


def _recent_pairs(
    sessions: Sequence[PackedSessions],
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield items, what followed each, and by how much the pair counts."""
    total = newer = sum(len(part.items) for part in sessions)
    for part in sessions:
        newer -= len(part.items)
        ends = np.asarray(part.offsets[1:]) - 1
        for begin in range(0, len(part.items), SLAB):
            slab = np.asarray(part.items[begin : begin + SLAB + 1])
            click = begin + np.arange(len(slab) - 1)
            age = (newer + len(part.items) - 1 - click) / total
            goes_on = np.ones(len(click), dtype=bool)
            goes_on[ends[(ends >= begin) & (ends < begin + len(click))] - begin] = False
            counts = goes_on & (age < OLDEST * MEMORY)
            weight = np.exp(-age[counts] / MEMORY).astype(np.float32)
            if len(weight):
                yield slab[:-1][counts], slab[1:][counts], weight
