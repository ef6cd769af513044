"""What is clicked more of late than before: a part of an item's score.

A session says what a visitor wants, not what the shop has on offer this week. Counting
clicks says that, in no time, and can be done anew every day without training.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

PRIOR = 0.3
"""Clicks at its overall rate that an item is taken to have had of late, beside those it
had. A small number: an item without any has probably left the shop."""
SLAB = 2**22
"""Clicks counted at once."""


def count_trend(
    clicks: Sequence[Int[np.ndarray, "clicks"]], num_items: int, memory: float
) -> Float[Tensor, "rows"]:
    """Return log(recent share of clicks / overall share) of each item.

    A click counts as recent by exp(-age / memory), where its age is the share of all
    clicks that came after it.

    Args:
        clicks: Items of all clicks, in parts; sessions in the order of their first.
        num_items: Items of the catalogue; row 0 of the result is padding, and 0.
        memory: Mean age of a recent click.
    """
    recent, overall = np.zeros((2, num_items + 1))
    total = newer = sum(map(len, clicks))
    for slab in _slabs(clicks):
        newer -= len(slab)
        ages = newer + np.arange(len(slab))[::-1]
        weights = np.exp(-ages / (memory * total))
        recent += np.bincount(slab, weights, num_items + 1)
        overall += np.bincount(slab, minlength=num_items + 1)
    expected = overall * (recent.sum() / total)
    ratio = np.log((recent + PRIOR) / (expected + PRIOR))
    return torch.from_numpy(ratio.astype(np.float32))


def _slabs(
    parts: Sequence[Int[np.ndarray, "clicks"]],
) -> Iterator[Int[np.ndarray, "slab"]]:
    for part in parts:
        for begin in range(0, len(part), SLAB):
            yield part[begin : begin + SLAB]
