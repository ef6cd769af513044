"""An item table in low precision: products with all items, and how far they may err.

Both kinds say by how much a row was rounded, so that a search can bound the exact
product. `RoundedTable` is fast for many hidden states at once, which are bound by
arithmetic; `QuantizedTable` for a few, which are bound by reading the table: a quarter
of the bytes of float32.
"""

from collections.abc import Iterable
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from tronrec.ops.matmul import LEVELS, all_products
from tronrec.ops.scratch import Scratch

SLAB = 65_536
"""Rows that are rounded at once, which bounds the memory for it."""
WORDS = 32
"""A row of int8 has a multiple of so many components; the product of int8 with bfloat16
takes so many at a time, and would read behind the row."""


class CoarseTable(Protocol):
    """Rows of a table in low precision."""

    residual: Float[Tensor, ""]
    """Largest length of what rounding took from a row."""
    unit: float
    """Largest relative error of rounding a product, once it is summed."""
    dtype: torch.dtype
    """To what hidden states are rounded before the product, and products after it."""
    scale: Float[Tensor, "size"] | None
    """By what the columns were divided, and hidden states have to be multiplied; None:
    by nothing."""

    def products(
        self,
        hidden: Float[Tensor, "events size"],
        rows: slice,
        fill: int,
        scratch: Scratch,
    ) -> Float[Tensor, "events items"]:
        """Return hidden states, rounded to `dtype`, times rows, summed in float32.

        Args:
            hidden: The hidden states, times `scale`.
            rows: Which rows.
            fill: Columns of -inf that follow.
            scratch: Memory for the products, which may be used.
        """
        ...


class RoundedTable:
    """Rows in float32, which are the table itself, or in bfloat16."""

    scale: Float[Tensor, "size"] | None = None

    def __init__(self, table: Float[Tensor, "rows size"], dtype: torch.dtype) -> None:
        """Round the rows."""
        self.rows, self.dtype = table.to(dtype), dtype
        self.unit = 0.0 if dtype == torch.float32 else torch.finfo(dtype).eps / 2
        self.residual: Tensor = _largest_residual(
            torch.split(table, SLAB),
            (rows.float() for rows in torch.split(self.rows, SLAB)),
        )

    def products(
        self,
        hidden: Float[Tensor, "events size"],
        rows: slice,
        fill: int,
        scratch: Scratch,
    ) -> Float[Tensor, "events items"]:
        """Return hidden states times rows; `CoarseTable.products` says more."""
        return all_products(hidden, self.rows[rows], scratch, fill)


class QuantizedTable:
    """Rows in int8, each in a unit of its own; hidden states stay bfloat16.

    A column with larger components than others, such as the trend, would coarsen the
    unit of every row. It is divided first, by a power of two, which rounds nothing.
    """

    dtype = torch.bfloat16
    unit = torch.finfo(torch.bfloat16).eps / 2

    def __init__(self, table: Float[Tensor, "rows size"]) -> None:
        """Quantize the rows."""
        scale = _excess(table)
        self.scale: Float[Tensor, size] | None = scale
        slabs = torch.split(table, SLAB)
        largest = torch.cat([(rows / scale).abs().amax(1) for rows in slabs])
        units = (largest / LEVELS).clamp(min=torch.finfo(torch.float32).tiny)
        # A unit that was rounded down would let the largest component overflow.
        self.units = (units * (1 + 2 * self.unit)).to(self.dtype)
        rows, size = table.shape
        self.fill = -size % WORDS
        self.rows = torch.zeros(rows, size + self.fill, dtype=torch.int8)
        columns = self.units.float()[:, None]
        parts = [torch.split(part, SLAB) for part in (self.rows[:, :size], columns)]
        for part, values, of_part in zip(slabs, *parts, strict=True):
            values.copy_((part / scale / of_part).round_())
        self.residual: Tensor = _largest_residual(
            (part / scale for part in slabs),
            (values * of_part for values, of_part in zip(*parts, strict=True)),
        )

    def products(
        self,
        hidden: Float[Tensor, "events size"],
        rows: slice,
        fill: int,
        scratch: Scratch,
    ) -> Float[Tensor, "events items"]:
        """Return hidden states times rows; `CoarseTable.products` says more."""
        rounded = pad(hidden.to(self.dtype), (0, self.fill))
        values, units = self.rows[rows], self.units[rows]
        products = torch._weight_int8pack_mm(rounded, values, units)
        return pad(products, (0, fill), value=-torch.inf)


def _excess(table: Float[Tensor, "rows size"]) -> Float[Tensor, "size"]:
    """Return by how much a column's largest component exceeds that of most columns.

    It is a power of two, and 1 for columns like most.
    """
    slabs = torch.split(table, SLAB)
    largest = torch.stack([rows.abs().amax(0) for rows in slabs]).amax(0)
    usual = largest.median().clamp(min=torch.finfo(torch.float32).tiny)
    return (largest / usual).log2().round().clamp(0, 32).exp2()


def _largest_residual(
    rows: Iterable[Tensor], rounded: Iterable[Tensor]
) -> Float[Tensor, ""]:
    """Return the largest length of the difference between rows and rounded rows."""
    parts = zip(rows, rounded, strict=True)
    return torch.stack([(part - near).norm(dim=1).max() for part, near in parts]).max()
