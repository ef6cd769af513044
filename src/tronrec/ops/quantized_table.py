"""An item table in int8, for CPUs: of its products only the largest are looked at.

A few hidden states are int16, and their products compiled (`int8_products`): none
leaves the registers. Many are int8 like the rows, where the processor multiplies that
fast (`int8_search`); what is left is looked at with int16.
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from tronrec.ops.coarse_table import ACCUMULATION, SLAB, longest, search_groups
from tronrec.ops.int8_matmul import LEVELS, multiplies_int8, state_levels
from tronrec.ops.int8_products import WIDTH, find_members, group_maxima
from tronrec.ops.int8_search import best_rows
from tronrec.ops.matmul import rows_to_fill
from tronrec.ops.scratch import Scratch
from tronrec.schemas import PADDING

FEW = 32
"""Hidden states up to which products are compiled everywhere."""
MANY = 4_096
"""Hidden states that are searched for at once, which bounds the memory."""
TINY = torch.finfo(torch.float32).tiny
WORD, SHORT = torch.iinfo(torch.int32), torch.iinfo(torch.int16)
"""What products of quantized rows and states are, and the components of few states."""


class QuantizedTable:
    """Rows in int8, in one unit; hidden states are whole numbers in units of their own.

    What all rows have in common adds the same to each product of a state. It is taken
    off first, so that the unit is as fine as what differs. A column with larger
    components than others, such as the trend, would coarsen it, too: it is divided by
    a power of two, which rounds nothing, and hidden states are multiplied. Since that
    would coarsen the states where they are int8, such a column is there several times,
    and the states' component is the sum of as many numbers.
    """

    def __init__(self, table: Float[Tensor, "rows size"], norm: float) -> None:
        """Quantize the rows; the first is padding, and not looked at.

        Args:
            table: The rows.
            norm: Their `largest_norm`.
        """
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
        self.unit = max(float((largest / self.scale).max()) / LEVELS, TINY)
        width = size + -size % WIDTH
        if width == size and (self.scale > 1).any():
            width += WIDTH
        copied, self.copies = _copy_columns(self.scale, width - size)
        self._column = torch.cat([torch.arange(size), copied])
        self._earlier = (self._column[:, None] == self._column).tril(-1).sum(1)
        self.rows = torch.zeros(count, width, dtype=torch.int8)
        self.norm, self.residual, self.exact_norm = 0.0, 0.0, norm
        parts = torch.split(self.rows[PADDING + 1 :], SLAB)
        for quantized, rows in zip(parts, slabs, strict=True):
            part = torch.sub(rows, centre, out=work[: len(rows)]).div_(self.scale)
            whole = torch.div(part, self.unit, out=near[: len(rows)]).round_()
            whole.clamp_(-LEVELS, LEVELS)
            quantized[:, : len(self._column)] = whole[:, self._column]
            self.norm = max(self.norm, longest(whole.mul_(self.unit)))
            self.residual = max(self.residual, longest(part.sub_(whole)))
        self._scratch = Scratch(), Scratch()

    def search(
        self, hidden: Float[Tensor, "events size"], k: int
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        """Return what may be among the best; `CoarseTable.search` says more."""
        if len(hidden) <= FEW or not multiplies_int8():
            return search_groups(QuantizedStates(self, hidden), len(self.rows), k)
        found = []
        for number, part in enumerate(torch.split(hidden, MANY)):
            event, row = self._search_many(part, k)
            found.append(torch.stack([event + MANY * number, row]))
        event, row = torch.cat(found, 1)
        return event, row

    def _search_many(
        self, hidden: Float[Tensor, "events size"], k: int
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        fine = QuantizedStates(self, hidden)
        coarse = WholeStates(self, hidden, state_levels() * self.copies.float())
        found = best_rows(
            self.rows[PADDING + 1 :],
            (fine.states, self._divide(coarse.whole)),
            torch.stack([coarse.doubt, fine.doubt]),
            k,
            self._scratch,
        )
        if found is None:
            return search_groups(fine, len(self.rows), k)
        event, row = found
        return event, row + PADDING + 1

    def _divide(self, whole: Int[Tensor, "events size"]) -> Int[Tensor, "more width"]:
        """Return states in int8: a number is divided among the copies of a column.

        Rows of zeros may follow.
        """
        column, width = self._column, self.rows.shape[1]
        parts = torch.div(
            whole[:, column] + self._earlier, self.copies[column], rounding_mode="floor"
        )
        missing = 0, width - len(column), 0, rows_to_fill(len(whole))
        return pad(parts, missing).to(torch.int8)


class WholeStates:
    """Hidden states in whole numbers, and by how much products with rows may err."""

    def __init__(
        self,
        table: QuantizedTable,
        hidden: Float[Tensor, "events size"],
        levels: Float[Tensor, "size"],
    ) -> None:
        """Quantize the states, and bound the error of the products.

        Args:
            table: The rows.
            hidden: The states.
            levels: The largest whole number of each component.
        """
        scaled = hidden * table.scale
        unit = (scaled.abs() / levels).amax(1, keepdim=True).clamp(min=TINY)
        rounded = (scaled / unit).round_().clamp_(-levels, levels)
        residual = _lengths(scaled - rounded * unit)
        margin = residual * table.norm + _lengths(scaled) * table.residual
        margin += 2 * ACCUMULATION * _lengths(hidden) * table.exact_norm
        units = margin / (unit[:, 0].double() * table.unit)
        self.whole = rounded.int()
        self.doubt = (2 * units).ceil().clamp(max=WORD.max).long() + 1
        """By how much a product among the best may be less than the k-th largest."""


class QuantizedStates(WholeStates):
    """Hidden states in int16, and their products with the rows of a table."""

    def __init__(
        self, table: QuantizedTable, hidden: Float[Tensor, "events size"]
    ) -> None:
        """Quantize the states."""
        size, width = hidden.shape[1], table.rows.shape[1]
        most = min(SHORT.max, WORD.max // (LEVELS * width))
        super().__init__(table, hidden, torch.full((size,), float(most)))
        self._table = table
        self.states = pad(self.whole, (0, width - size)).short()
        self.below_all = torch.full_like(self.doubt, WORD.min)

    def maxima(self, rows: slice) -> Int[Tensor, "events groups"]:
        """Return the largest of each group; `CoarseStates.maxima` says more."""
        return group_maxima(self._table.rows[rows], self.states)

    def reaching(
        self,
        rows: slice,
        maxima: Shaped[Tensor, "events groups"],
        least: Shaped[Tensor, "events"],
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        """Return event and row of large products; `CoarseStates.reaching` says more."""
        asked = self._table.rows[rows], self.states
        event, row = find_members(*asked, maxima, least)
        return event, rows.start + row

    def reach(self, last: Shaped[Tensor, "events"]) -> Int[Tensor, "events"]:
        """Allow for the errors of both products."""
        reach: Tensor = (last.long() - self.doubt).clamp(min=WORD.min)
        return reach.int()


def _lengths(rows: Float[Tensor, "rows size"]) -> Float[Tensor, "rows"]:
    """Return the length of each row, in float64, which holds squares of any number."""
    lengths: Tensor = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)
    return lengths


def _excess(largest: Float[Tensor, "size"]) -> Float[Tensor, "size"]:
    """Return by how much a column's largest component exceeds that of most columns.

    It is a power of two, and 1 for columns like most.
    """
    usual = largest.median().clamp(min=TINY)
    excess = largest / usual
    powers: Tensor = excess.log2().round().clamp(0, 32).exp2()
    return powers


def _copy_columns(
    scale: Float[Tensor, "size"], room: int
) -> tuple[Int[Tensor, "copied"], Int[Tensor, "size"]]:
    """Return which columns are there once more, and how often each is in all.

    The one that coarsens the states most comes first, until there is no room, or no
    column that would be any finer.
    """
    copies, copied = torch.ones_like(scale), list[int]()
    while len(copied) < room and (scale > copies).any():
        column = int((scale / copies).argmax())
        copies[column] += 1
        copied.append(column)
    return torch.tensor(copied, dtype=torch.long), copies.long()
