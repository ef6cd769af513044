"""The gradient of a table of which a step touches a few thousand rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from tronrec.schemas import PADDING

LARGE = 1 << 16
"""Vectors of a part that are not worth copying."""


@dataclass(frozen=True)
class SparseGradient:
    """The gradient of the item table: its touched rows, each once, ascending.

    Rows of the padding item may follow, any number of them; their gradient is 0.
    """

    item_ids: Int[Tensor, "rows"]
    """Which rows of the table."""
    values: Float[Tensor, "rows size"]
    """The gradient of each."""


@dataclass(frozen=True)
class UnsummedGradient:
    """A gradient in terms: row `item_ids[i]` has `weights[i] * vectors[sources[i]]`.

    A row has the sum of its terms, of which there may be any number.
    """

    item_ids: Int[Tensor, "terms"]
    sources: Int[Tensor, "terms"]
    weights: Float[Tensor, "terms"]
    vectors: Float[Tensor, "sources size"]

    @classmethod
    def of_rows(
        cls, item_ids: Int[Tensor, "terms"], vectors: Float[Tensor, "terms size"]
    ) -> Self:
        """Return terms of weight 1, each with a vector of its own."""
        source = torch.arange(len(item_ids), device=item_ids.device)
        return cls(item_ids, source, torch.ones_like(vectors[:, 0]), vectors)

    def __add__(self, other: Self) -> Self:
        """Return the terms of both."""
        return type(self)(
            torch.cat([self.item_ids, other.item_ids]),
            torch.cat([self.sources, other.sources + len(self.vectors)]),
            torch.cat([self.weights, other.weights]),
            torch.cat([self.vectors, other.vectors]),
        )


def sum_by_item(*parts: UnsummedGradient) -> SparseGradient:
    """Sum the terms of each item, of all parts together.

    Cost: a sort of the terms and one pass over them, whatever the catalogue's size. On
    a CPU, a part of many vectors is not copied to lie beside the others.
    """
    *others, largest = sorted(parts, key=lambda part: len(part.vectors))
    if not others or len(largest.vectors) < LARGE or largest.item_ids.is_cuda:
        together = reduce(UnsummedGradient.__add__, parts)
        item_ids, order = together.item_ids.sort(stable=True)
        touched, begins = _find_runs(item_ids)
        return SparseGradient(touched, _sum_runs(together, order, begins))
    more = sum_by_item(*others)
    item_ids, order = largest.item_ids.sort(stable=True)
    touched = torch.unique(torch.cat([item_ids, more.item_ids]))
    summed = _sum_runs(largest, order, torch.searchsorted(item_ids, touched))
    summed.index_add_(0, torch.searchsorted(touched, more.item_ids), more.values)
    return SparseGradient(touched, summed)


def side_by_side(parts: Sequence[SparseGradient], *, same_rows: bool) -> SparseGradient:
    """Return the gradient of a table from those of groups of its columns, in order.

    Args:
        parts: The gradient of each group.
        same_rows: Whether all touch the same rows, which costs no more than a copy.
    """
    if len(parts) == 1:
        return parts[0]
    if same_rows:
        values = torch.cat([part.values for part in parts], 1)
        return SparseGradient(parts[0].item_ids, values)
    width, left, wide = sum(part.values.shape[1] for part in parts), 0, []
    for part in parts:
        size = part.values.shape[1]
        values = pad(part.values, (left, width - left - size))
        wide.append(UnsummedGradient.of_rows(part.item_ids, values))
        left += size
    return sum_by_item(*wide)


def _sum_runs(
    gradient: UnsummedGradient,
    order: Int[Tensor, "terms"],
    begins: Int[Tensor, "rows"],
) -> Float[Tensor, "rows size"]:
    """Return the sums of runs of terms, once these are in `order`."""
    return embedding_bag(
        gradient.sources[order],
        gradient.vectors,
        begins,
        mode="sum",
        per_sample_weights=gradient.weights[order],
    )


def _find_runs(
    item_ids: Int[Tensor, "terms"],
) -> tuple[Int[Tensor, "rows"], Int[Tensor, "rows"]]:
    """Return each of the ascending items once, and where its run begins.

    A CPU counts the runs. A GPU makes as many as there are terms, so that the host need
    not wait for their number: those too many are empty, of the padding item.
    """
    if not item_ids.is_cuda:
        touched, counts = torch.unique_consecutive(item_ids, return_counts=True)
        return touched, counts.cumsum(0) - counts
    run = (item_ids.diff(prepend=item_ids[:1]) > 0).cumsum(0)
    term = torch.arange(len(item_ids), device=item_ids.device)
    begins = torch.full_like(item_ids, len(item_ids))
    begins.scatter_reduce_(0, run, term, "amin")
    return torch.full_like(item_ids, PADDING).scatter_(0, run, item_ids), begins
