"""Products of chosen pairs of rows, and weighted sums of rows, without gathering them.

Rows are read where they lie. Products decide ranks: a row's numbers are added in one
order, wherever they lie in memory and whatever is multiplied beside them. A library's
dot product does not promise that.
"""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from tronrec.ops.compiled import (
    arrays_of,
    compiled,
    flat_rows,
    in_parts,
    prefetch,
    summing,
    threads_for,
)

SHARE = 1 << 18
"""Multiplications for each thread, at least: some ten microseconds."""
AHEAD, LINE = 4, 16
"""Pairs whose second row is on its way while one is multiplied, and how many numbers of
it come at a time."""


def pair_products(
    left: Float[Tensor, "left size"],
    right: Float[Tensor, "right size"],
    left_rows: Int[Tensor, "pairs"],
    right_rows: Int[Tensor, "pairs"],
) -> Float[Tensor, "pairs"]:
    """Return the product of each pair of rows, the same to the bit in any company.

    On a GPU it is the gradient that `embedding_bag` gives its weights, read as a
    forward pass: rows are multiplied where they lie there, too.
    """
    if left.is_cuda:
        products: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
            left, right, right_rows, right_rows.new_zeros(1), left_rows.contiguous(), 0
        )
        return products
    size, products = left.shape[1], left.new_empty(len(left_rows))
    arrays = (
        *arrays_of(left_rows, right_rows, products),
        flat_rows(left),
        flat_rows(right),
    )
    threads = threads_for(len(products) * size, SHARE)
    in_parts(partial(_multiply, arrays, size), len(products), threads)
    return products


@summing
def dot(left: Any, right: Any) -> Any:
    """Return the product of two rows, for compiled loops; of no numbers it is 0."""
    total = left.dtype.type(0)
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@compiled
def _multiply(arrays: Any, size: int, low: int, high: int) -> None:
    """Write the products of some pairs."""
    left_rows, right_rows, products, (left, left_step), (right, right_step) = arrays
    for pair in range(low, high):
        first, second = left_step * left_rows[pair], right_step * right_rows[pair]
        later = right_step * right_rows[min(pair + AHEAD, len(right_rows) - 1)]
        for number in range(0, size, LINE):
            prefetch(right, later + number)
        products[pair] = dot(left[first : first + size], right[second : second + size])


def candidate_products(
    hidden: Float[Tensor, "events size"],
    table: Float[Tensor, "items size"],
    item_ids: Int[Tensor, "events candidates"],
) -> Float[Tensor, "events candidates"]:
    """Return the product of each hidden state with the candidates of its own event."""
    event = torch.arange(len(item_ids), device=item_ids.device)[:, None]
    pairs = event.expand_as(item_ids).reshape(-1), item_ids.reshape(-1)
    return pair_products(hidden, table, *pairs).view(item_ids.shape)


def weighted_sums(
    table: Float[Tensor, "items size"],
    item_ids: Int[Tensor, "events candidates"],
    weights: Float[Tensor, "events candidates"],
) -> Float[Tensor, "events size"]:
    """Return, for each event, the weighted sum of the vectors of its candidates.

    Some columns of a wider table would be copied by `embedding_bag`, all rows of them.
    They are read where they lie: as every n-th row of a table that is not wider.
    """
    size, stride = table.shape[1], table.stride(0)
    if stride > size and stride % size == 0:
        times = stride // size
        table = table.as_strided((times * (len(table) - 1) + 1, size), (size, 1))
        item_ids = times * item_ids
    return embedding_bag(item_ids, table, mode="sum", per_sample_weights=weights)
