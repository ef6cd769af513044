"""An item table in float32 or bfloat16, for GPUs: all products, then their maxima."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from tronrec.ops.coarse_table import ACCUMULATION, SLAB, longest, search_groups
from tronrec.ops.matmul import all_products
from tronrec.ops.scratch import Scratch
from tronrec.schemas import PADDING

GROUP = 16
"""Rows that are looked at by their largest product first."""


class RoundedTable:
    """Rows in float32, which are the table itself, or in bfloat16."""

    def __init__(
        self, table: Float[Tensor, "rows size"], dtype: torch.dtype, norm: float
    ) -> None:
        """Round the rows; `norm` is their `largest_norm`."""
        self.rows, self.dtype, self.norm = table.to(dtype), dtype, norm
        self.residual = _largest_residual(
            torch.split(table[PADDING + 1 :], SLAB),
            (rows.float() for rows in torch.split(self.rows[PADDING + 1 :], SLAB)),
        )
        self.unit = 0.0 if dtype == torch.float32 else torch.finfo(dtype).eps / 2
        """Largest relative error of rounding a product, once it is summed."""
        self.scratch = Scratch()

    def search(
        self, hidden: Float[Tensor, "events size"], k: int
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        """Return what may be among the best; `CoarseTable.search` says more."""
        return search_groups(RoundedStates(self, hidden), len(self.rows), k)


class RoundedStates:
    """Hidden states, and their products with the rows of a `RoundedTable`."""

    def __init__(
        self, table: RoundedTable, hidden: Float[Tensor, "events size"]
    ) -> None:
        """Bound the error of the products."""
        self._table, self._hidden = table, hidden
        rounded = hidden.to(table.dtype).float()
        residual, size = (hidden - rounded).norm(dim=1), rounded.norm(dim=1)
        # h·e - h'·e' = (h - h')·e + h'·(e - e'), and both ways of summing err.
        margin = residual * table.norm + size * table.residual
        norms = (size + residual) * (table.norm + table.residual)
        self._margin = margin + 2 * ACCUMULATION * norms
        self.below_all = torch.full_like(margin, -torch.inf)
        self._groups: Shaped[Tensor, "events GROUP groups"] = hidden[:, None]

    def maxima(self, rows: slice) -> Shaped[Tensor, "events groups"]:
        """Return the largest of each group; `CoarseStates.maxima` says more."""
        table = self._table
        fill = -(rows.stop - rows.start) % GROUP
        products = all_products(self._hidden, table.rows[rows], table.scratch, fill)
        self._groups = products.view(len(products), GROUP, -1)
        return self._groups.amax(1)

    def reaching(
        self,
        rows: slice,
        maxima: Shaped[Tensor, "events groups"],
        least: Shaped[Tensor, "events"],
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        """Return event and row of large products; `CoarseStates.reaching` says more."""
        event, group = (maxima >= least[:, None]).nonzero(as_tuple=True)
        reached = self._groups[event, :, group] >= least[event, None]
        pair, place = reached.nonzero(as_tuple=True)
        row = rows.start + group[pair] + place * self._groups.shape[2]
        return event[pair], row

    def reach(self, last: Shaped[Tensor, "events"]) -> Shaped[Tensor, "events"]:
        """Undo the rounding of `last`, allow for both products' errors, round again."""
        unit, last = self._table.unit, last.float()
        score = last - unit / (1 - unit) * last.abs() - 2 * self._margin
        lowest = torch.finfo(self._table.dtype).min  # while there are fewer than k
        score = torch.where(last.isneginf(), lowest, score - unit * score.abs())
        reach: Tensor = score.clamp(min=lowest)
        return reach


def _largest_residual(rows: Iterable[Tensor], rounded: Iterable[Tensor]) -> float:
    """Return the largest length of the difference between rows and rounded rows."""
    parts = zip(rows, rounded, strict=True)
    return max(longest(part - near) for part, near in parts)
