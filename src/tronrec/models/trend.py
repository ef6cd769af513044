"""What is clicked more of late than before: a part of an item's score.

A session says what a visitor wants, not what the shop has on offer this week. Counting
clicks says that, in no time, and can be done anew every day without training.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

PRIOR = 0.3
"""Clicks at its overall rate that an item is taken to have had of late, beside those it
had. A small number: an item without any has probably left the shop."""
SLAB = 2**22
"""Clicks counted at once."""


def trend(
    clicks: Int[np.ndarray, "clicks"], num_items: int, memory: float
) -> Float[Tensor, "rows"]:
    """Return log(recent share of clicks / overall share) of each item.

    A click counts as recent by exp(-age / memory), where its age is the share of all
    clicks that came after it.

    Args:
        clicks: Items of all training clicks; sessions in the order of their first.
        num_items: Items of the catalogue; row 0 of the result is padding, and 0.
        memory: Mean age of a recent click.
    """
    recent, overall = np.zeros((2, num_items + 1))
    for begin in range(0, len(clicks), SLAB):
        slab = clicks[begin : begin + SLAB]
        newer = len(clicks) - 1 - np.arange(begin, begin + len(slab))
        weights = np.exp(-newer / (memory * len(clicks)))
        recent += np.bincount(slab, weights, num_items + 1)
        overall += np.bincount(slab, minlength=num_items + 1)
    expected = overall * (recent.sum() / len(clicks))
    ratio = np.log((recent + PRIOR) / (expected + PRIOR))
    return torch.from_numpy(ratio.astype(np.float32))
