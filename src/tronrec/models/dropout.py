"""Dropout from random bytes: on a CPU four times as fast as from random floats."""

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 256


def dropped_levels(rate: float) -> int:
    """Return of how many bytes a value is set to zero, at that rate: never of all."""
    return min(round(rate * LEVELS), LEVELS - 1)


def dropout(values: Tensor, rate: float) -> Tensor:
    """Set a random share of `values` to zero, and scale the others to keep the mean.

    One byte decides, so the rate is rounded to a multiple of 1/256 below 1. Draws come
    from the default generator of the values' device. On a GPU torch's own takes one
    operation.
    """
    dropped = dropped_levels(rate)
    if dropped == 0:
        return values
    if values.is_cuda:
        return functional.dropout(values, dropped / LEVELS)
    words = torch.empty(
        -(-values.numel() // 8), dtype=torch.int64, device=values.device
    )
    octets = words.random_(-(2**63), None).view(torch.uint8)[: values.numel()]
    keep = (octets.view(values.shape) >= dropped).to(values.dtype)
    return values * keep.mul_(LEVELS / (LEVELS - dropped))
