"""Compiled parts of a search for the largest few of many columns."""

from typing import Any

import numpy as np

from tronrec.ops.compiled import compiled

LANES = 16
"""Neighbouring columns of which maxima are taken together: a vector of a processor."""
BLOCK = 256
"""Columns in which each lane has its group."""


@compiled
def in_order(word: Any, flip: Any) -> Any:
    """Return a whole number in the order of the scores.

    The bits of a float are those of a whole number that grows with it, or that falls
    while it is negative: then all bits but the sign are flipped. `flip` has those bits,
    or none, if scores are whole numbers anyway.
    """
    return np.int32(word ^ (np.int32(word >> 31) & flip))


@compiled
def find_maxima(words: Any, flip: Any, maxima: Any) -> None:
    """Find the largest of each group of a row of scores, in whole blocks."""
    for block in range(len(words) // BLOCK):
        for lane in range(LANES):
            column = block * BLOCK + lane
            most = in_order(words[column], flip)
            for step in range(LANES, BLOCK, LANES):
                most = max(most, in_order(words[column + step], flip))
            maxima[block * LANES + lane] = most


@compiled
def kth_largest(values: Any, k: int) -> Any:
    """Return the k-th largest, from 1 on; the values are put into another order.

    Hoare's quickselect.
    """
    low, high, target = 0, len(values) - 1, k - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while values[left] > pivot:
                left += 1
            while values[right] < pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if target <= right:
            high = right
        elif target >= left:
            low = left
        else:
            break
    return values[target]
