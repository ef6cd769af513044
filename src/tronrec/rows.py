"""Sparse products between hidden states and item vectors, without materialising them.

A step needs [events, candidates] logits of a few candidates out of many, the gradient
they give to the hidden states, and the gradient they give to the items. Each is one
pass of `embedding_bag`, which multiplies and sums rows where they lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from tronrec.schemas import PADDING


def split_rows(count: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the same rows of all tensors, `count` at a time."""
    return zip(*(torch.split(rows, count) for rows in tensors), strict=True)


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


def row_logits(
    hidden: Float[Tensor, "events size"],
    table: Float[Tensor, "items size"],
    items: Int[Tensor, "events candidates"],
) -> Float[Tensor, "events candidates"]:
    """Return the product of each hidden state with its own candidates."""
    event = torch.arange(len(items), device=items.device)[:, None].expand_as(items)
    pairs = event.reshape(-1), items.reshape(-1)
    return pair_products(hidden, table, *pairs).view(items.shape)


def weighted_rows(
    table: Float[Tensor, "items size"],
    items: Int[Tensor, "events candidates"],
    weights: Float[Tensor, "events candidates"],
) -> Float[Tensor, "events size"]:
    """Return, for each event, the weighted sum of its candidates' vectors."""
    return embedding_bag(items, table, mode="sum", per_sample_weights=weights)


@dataclass(frozen=True)
class RowGradients:
    """The gradient of the item table: its touched rows, each once, ascending.

    Rows of the padding item may follow, any number of them; their gradient is 0.
    """

    items: Int[Tensor, "rows"]
    vectors: Float[Tensor, "rows size"]


@dataclass(frozen=True)
class Terms:
    """A gradient before it is summed: `weights[i] * vectors[sources[i]]` of `items[i]`.

    An item has any number of terms.
    """

    items: Int[Tensor, "terms"]
    sources: Int[Tensor, "terms"]
    weights: Float[Tensor, "terms"]
    vectors: Float[Tensor, "sources size"]

    @classmethod
    def single(
        cls, items: Int[Tensor, "terms"], vectors: Float[Tensor, "terms size"]
    ) -> Self:
        """Return terms with a vector of their own each."""
        source = torch.arange(len(items), device=items.device)
        return cls(items, source, torch.ones_like(vectors[:, 0]), vectors)

    def __add__(self, other: Self) -> Self:
        """Return the terms of both."""
        return type(self)(
            torch.cat([self.items, other.items]),
            torch.cat([self.sources, other.sources + len(self.vectors)]),
            torch.cat([self.weights, other.weights]),
            torch.cat([self.vectors, other.vectors]),
        )


def sum_by_item(terms: Terms) -> RowGradients:
    """Sum the terms of each item.

    Cost: a sort of the terms and one pass over them, whatever the catalogue's size.
    """
    items, order = terms.items.sort(stable=True)
    touched, begins = _runs(items)
    summed = embedding_bag(
        terms.sources[order],
        terms.vectors,
        begins,
        mode="sum",
        per_sample_weights=terms.weights[order],
    )
    return RowGradients(touched, summed)


def _runs(
    items: Int[Tensor, "terms"],
) -> tuple[Int[Tensor, "rows"], Int[Tensor, "rows"]]:
    """Return each of the ascending items once, and where its run begins.

    A CPU counts the runs. A GPU makes as many as there are terms, so that the host need
    not wait for their number: those too many are empty, of the padding item.
    """
    if not items.is_cuda:
        touched, counts = torch.unique_consecutive(items, return_counts=True)
        return touched, counts.cumsum(0) - counts
    run = (items.diff(prepend=items[:1]) > 0).cumsum(0)
    term = torch.arange(len(items), device=items.device)
    begins = torch.full_like(items, len(items)).scatter_reduce_(0, run, term, "amin")
    return torch.full_like(items, PADDING).scatter_(0, run, items), begins
