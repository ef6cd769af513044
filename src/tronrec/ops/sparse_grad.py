"""The gradient of a table of which a step touches a few thousand rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from tronrec.schemas import PADDING


@dataclass(frozen=True)
class SparseGradient:
    """The gradient of the item table: its touched rows, each once, ascending.

    Rows of the padding item may follow, any number of them; their gradient is 0.
    """

    item_ids: Int[Tensor, "rows"]
    """Which rows of the table."""
    values: Float[Tensor, "rows size"]
    """The gradient of each."""

    def slabs(self) -> Iterator[Self]:
        """Yield the gradient of some rows at a time: of all, as they are there."""
        yield self

    def summed(self) -> Self:
        """Return the gradient of all rows at once."""
        return self


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

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the terms of all parts."""
        sources, before = [], 0
        for part in parts:
            sources.append(part.sources + before)
            before += len(part.vectors)
        return cls(
            torch.cat([part.item_ids for part in parts]),
            torch.cat(sources),
            torch.cat([part.weights for part in parts]),
            torch.cat([part.vectors for part in parts]),
        )


def sum_by_item(*parts: UnsummedGradient, rows: int | None = None) -> SparseGradient:
    """Sum the terms of each item, of all parts together.

    Cost: a sort of the terms and one pass over them, whatever the catalogue's size.

    Args:
        parts: Terms.
        rows: Rows of the table, so that a GPU does not make more; None: not known.
    """
    together = UnsummedGradient.joined(parts)
    item_ids, order = together.item_ids.sort(stable=True)
    touched, begins = _find_runs(item_ids, rows)
    values = embedding_bag(
        together.sources[order],
        together.vectors,
        begins,
        mode="sum",
        per_sample_weights=together.weights[order],
    )
    return SparseGradient(touched, values)


def side_by_side(
    parts: Sequence[SparseGradient], *, same_rows: bool, rows: int | None = None
) -> SparseGradient:
    """Return the gradient of a table from those of groups of its columns, in order.

    Args:
        parts: The gradient of each group.
        same_rows: Whether all touch the same rows, which costs no more than a copy.
        rows: Rows of the table, as for `sum_by_item`.
    """
    if same_rows:
        values = torch.cat([part.values for part in parts], 1)
        return SparseGradient(parts[0].item_ids, values)
    width, left, wide = sum(part.values.shape[1] for part in parts), 0, []
    for part in parts:
        size = part.values.shape[1]
        values = pad(part.values, (left, width - left - size))
        wide.append(UnsummedGradient.of_rows(part.item_ids, values))
        left += size
    return sum_by_item(*wide, rows=rows)


def _find_runs(
    item_ids: Int[Tensor, "terms"], rows: int | None
) -> tuple[Int[Tensor, "rows"], Int[Tensor, "rows"]]:
    """Return each of the ascending items once, and where its run begins.

    A CPU counts the runs. A GPU makes as many as there may be, of so many terms or rows
    of the table, so that the host need not wait for their number: those too many are
    empty, of the padding item.
    """
    if not item_ids.is_cuda:
        touched, counts = torch.unique_consecutive(item_ids, return_counts=True)
        return touched, counts.cumsum(0) - counts
    run = (item_ids.diff(prepend=item_ids[:1]) > 0).cumsum(0)
    term = torch.arange(len(item_ids), device=item_ids.device)
    most = len(item_ids) if rows is None else min(rows, len(item_ids))
    begins = item_ids.new_full((most,), len(item_ids))
    begins.scatter_reduce_(0, run, term, "amin")
    return item_ids.new_full((most,), PADDING).scatter_(0, run, item_ids), begins
