"""Products of chosen pairs of rows, and weighted sums of rows, without gathering them.

Each is one pass of `embedding_bag`, which multiplies and sums rows where they lie.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag


def pair_products(
    left: Float[Tensor, "left size"],
    right: Float[Tensor, "right size"],
    left_rows: Int[Tensor, "pairs"],
    right_rows: Int[Tensor, "pairs"],
) -> Float[Tensor, "pairs"]:
    """Return the product of each pair of rows, the same to the bit in any company.

    This is the gradient that `embedding_bag` gives its weights, read as a forward pass:
    rows are multiplied where they lie, neither side is gathered.
    """
    products: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        left, right, right_rows, right_rows.new_zeros(1), left_rows.contiguous(), 0
    )
    return products


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
