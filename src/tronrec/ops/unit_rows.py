"""Some rows of a table brought to length 1, in one pass over them.

Torch gathers the rows, normalises a copy, and writes that back: each number is moved
six times instead of twice.
"""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from tronrec.ops.compiled import in_parts, summing, threads_for

SHARE = 1 << 18
"""Numbers for each thread, at least: a tenth of a millisecond."""
SHORTEST = 1e-12
"""Shorter vectors are divided by this instead of by their length."""


@summing
def _scale(table: Any, rows: Any, numbers: Any, low: int, high: int) -> None:
    parts, shortest = numbers
    size = table.shape[1] // parts
    for number in range(low, high):
        for part in range(parts):
            vector = table[rows[number], part * size : (part + 1) * size]
            square = vector[0] * vector[0]
            for i in range(1, size):
                square += vector[i] * vector[i]
            length = max(np.sqrt(square), shortest)
            for i in range(size):
                vector[i] /= length


def unit_parts(
    rows: Float[Tensor, "rows width"], parts: int
) -> Float[Tensor, "rows width"]:
    """Return rows of which each of so many parts of equal size has length 1."""
    width = rows.shape[1]
    vectors = rows.reshape(-1, parts, width // parts)
    return normalize(vectors, dim=-1, eps=SHORTEST).reshape(-1, width)


def scale_to_length_one(
    table: Float[Tensor, "items width"], rows: Int[Tensor, "rows"], parts: int
) -> None:
    """Divide the parts of some rows by their length, in place.

    Args:
        table: Its rows consist of so many vectors of equal size. Of an empty one, all
            numbers stay 0.
        rows: Which rows, none twice but empty ones.
        parts: Vectors of a row.
    """
    if table.is_cuda:
        table.index_copy_(0, rows, unit_parts(table.index_select(0, rows), parts))
        return
    arrays = table.detach().numpy(), rows.numpy()
    threads = threads_for(len(rows) * table.shape[1], SHARE)
    shortest = arrays[0].dtype.type(SHORTEST)
    in_parts(partial(_scale, *arrays, (parts, shortest)), len(rows), threads)
