"""An item table in low precision: where its best products are, and how far they err.

Both kinds say by how much rounding may change a product, so that a search can bound the
exact one. `QuantizedTable` is of int8 and for CPUs: its products are compiled, and but
the largest of each group none is written. `RoundedTable` is for GPUs, and for many
hidden states on a CPU that multiplies bfloat16.
"""

from collections.abc import Iterable
from typing import Protocol

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from tronrec.ops.matmul import LEVELS, all_products
from tronrec.ops.scratch import Scratch
from tronrec.schemas import PADDING

SLAB = 4_096
"""Rows that are rounded at once: what is computed on the way stays in the cache."""
GROUP = 16
"""Rows of a `RoundedTable` that are looked at by their largest product first."""
WORD, SHORT = torch.iinfo(torch.int32), torch.iinfo(torch.int16)
"""What products of quantized rows and states are, and the components of the states."""
ACCUMULATION = 1e-4
"""Bound of the relative error of summing products in float32, generously."""


class CoarseStates(Protocol):
    """Some hidden states, and their products with all rows of a coarse table."""

    below_all: Shaped[Tensor, "events"]
    """What no product is less than."""

    def maxima(self, rows: slice) -> Shaped[Tensor, "events groups"]:
        """Return the largest product with each group of rows, in a unit of each state.

        Args:
            rows: Which rows. The table decides about the size of the groups.
        """
        ...

    def reaching(
        self,
        rows: slice,
        maxima: Shaped[Tensor, "events groups"],
        least: Shaped[Tensor, "events"],
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        """Return event and row of the products that are large enough.

        Args:
            rows: Those that `maxima` was last asked for.
            maxima: What it returned.
            least: The least product that counts, for each state.
        """
        ...

    def reach(self, last: Shaped[Tensor, "events"]) -> Shaped[Tensor, "events"]:
        """Return the least product that a row may have whose exact one is among k.

        Args:
            last: The k-th largest product, or less.
        """
        ...


class CoarseTable(Protocol):
    """Rows of a table in low precision."""

    def ask(self, hidden: Float[Tensor, "events size"]) -> CoarseStates:
        """Return what tells the products of hidden states with the rows."""
        ...


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

    def ask(self, hidden: Float[Tensor, "events size"]) -> "RoundedStates":
        """Return what tells the products of hidden states with the rows."""
        return RoundedStates(self, hidden)


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


class QuantizedTable:
    """Rows in int8, in one unit; hidden states are int16, each in a unit of its own.

    What all rows have in common adds the same to each product of a state. It is taken
    off first, so that the unit is as fine as what differs. A column with larger
    components than others, such as the trend, would coarsen it, too: it is divided by
    a power of two, which rounds nothing, and hidden states are multiplied.
    """

    def __init__(self, table: Float[Tensor, "rows size"], norm: float) -> None:
        """Quantize the rows; the first is padding, and not looked at.

        Args:
            table: The rows.
            norm: Their `largest_norm`.
        """
        from tronrec.ops.int8_products import WIDTH

        count, size = table.shape
        slabs = torch.split(table[PADDING + 1 :], SLAB)
        work, near = torch.empty(2, min(SLAB, count - 1), size)  # used for all slabs
        centre, largest = torch.zeros(2, size)
        for rows in slabs:
            centre += rows.sum(0)
        centre /= count - 1
        for rows in slabs:
            part = torch.sub(rows, centre, out=work[: len(rows)])
            torch.maximum(largest, part.abs_().amax(0), out=largest)
        self.scale = _excess(largest)
        tiny = torch.finfo(torch.float32).tiny
        self.unit = max(float((largest / self.scale).max()) / LEVELS, tiny)
        self.rows = torch.zeros(count, size + -size % WIDTH, dtype=torch.int8)
        self.norm, self.residual, self.exact_norm = 0.0, 0.0, norm
        parts = torch.split(self.rows[PADDING + 1 :, :size], SLAB)
        for quantized, rows in zip(parts, slabs, strict=True):
            part = torch.sub(rows, centre, out=work[: len(rows)]).div_(self.scale)
            whole = torch.div(part, self.unit, out=near[: len(rows)]).round_()
            quantized.copy_(whole.clamp_(-LEVELS, LEVELS))
            self.norm = max(self.norm, _longest(whole.mul_(self.unit)))
            self.residual = max(self.residual, _longest(part.sub_(whole)))

    def ask(self, hidden: Float[Tensor, "events size"]) -> "QuantizedStates":
        """Return what tells the products of hidden states with the rows."""
        return QuantizedStates(self, hidden)


class QuantizedStates:
    """Hidden states, and their products with the rows of a `QuantizedTable`."""

    def __init__(
        self, table: QuantizedTable, hidden: Float[Tensor, "events size"]
    ) -> None:
        """Quantize the states, and bound the error of the products."""
        self._table = table
        size = table.rows.shape[1]
        scaled = hidden * table.scale
        levels = min(SHORT.max, WORD.max // (LEVELS * size))
        largest = scaled.abs().amax(1, keepdim=True)
        unit = (largest / levels).clamp(min=torch.finfo(torch.float32).tiny)
        rounded = (scaled / unit).round_().clamp_(-levels, levels)
        self._states = pad(rounded, (0, size - scaled.shape[1])).to(torch.int16)
        residual = (scaled - rounded * unit).norm(dim=1)
        margin = residual * table.norm + scaled.norm(dim=1) * table.residual
        margin += 2 * ACCUMULATION * hidden.norm(dim=1) * table.exact_norm
        units = margin.double() / (unit[:, 0].double() * table.unit)
        self._doubt = (2 * units).ceil().clamp(max=WORD.max).long() + 1
        self.below_all = torch.full_like(self._doubt, WORD.min)

    def maxima(self, rows: slice) -> Int[Tensor, "events groups"]:
        """Return the largest of each group; `CoarseStates.maxima` says more."""
        from tronrec.ops.int8_products import group_maxima

        return group_maxima(self._table.rows[rows], self._states)

    def reaching(
        self,
        rows: slice,
        maxima: Shaped[Tensor, "events groups"],
        least: Shaped[Tensor, "events"],
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        """Return event and row of large products; `CoarseStates.reaching` says more."""
        from tronrec.ops.int8_products import find_members

        asked = self._table.rows[rows], self._states
        event, row = find_members(*asked, maxima, least)
        return event, rows.start + row

    def reach(self, last: Shaped[Tensor, "events"]) -> Int[Tensor, "events"]:
        """Allow for the errors of both products."""
        reach: Tensor = (last.long() - self._doubt).clamp(min=WORD.min)
        return reach.int()


def _excess(largest: Float[Tensor, "size"]) -> Float[Tensor, "size"]:
    """Return by how much a column's largest component exceeds that of most columns.

    It is a power of two, and 1 for columns like most.
    """
    usual = largest.median().clamp(min=torch.finfo(torch.float32).tiny)
    excess = largest / usual
    powers: Tensor = excess.log2().round().clamp(0, 32).exp2()
    return powers


def largest_norm(table: Float[Tensor, "rows size"]) -> float:
    """Return the length of the longest row but the first, which is padding."""
    return _longest(table[PADDING + 1 :])


def _longest(rows: Float[Tensor, "rows size"]) -> float:
    return float(rows.norm(dim=1).max())


def _largest_residual(rows: Iterable[Tensor], rounded: Iterable[Tensor]) -> float:
    """Return the largest length of the difference between rows and rounded rows."""
    parts = zip(rows, rounded, strict=True)
    return max(_longest(part - near) for part, near in parts)
