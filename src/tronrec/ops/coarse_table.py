"""An item table in low precision: where its best products are, and how far they err.

A table says by how much rounding may change a product, so that a search can bound the
exact one. `tronrec.ops.quantized_table` is of int8 and for CPUs, and
`tronrec.ops.rounded_table` for GPUs.
"""

from typing import Protocol

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from tronrec.schemas import PADDING

SLAB = 4_096
"""Rows that are rounded at once: what is computed on the way stays in the cache."""
ACCUMULATION = 1e-4
"""Bound of the relative error of summing products in float32, generously."""
GROUPS = 8
"""Groups of which one maximum bounds the score of the last of the best."""
SCORES = 1 << 26
"""Products computed at once, which bounds the memory at any |I|."""


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

    def search(
        self, hidden: Float[Tensor, "events size"], k: int
    ) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
        """Return event and row of every product that may be among an event's best `k`.

        Row 0 is padding and never found. A row that is left out has an exact product
        less than that of `k` others, surely.
        """
        ...


def search_groups(
    states: CoarseStates, rows: int, k: int
) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]]:
    """Search a table by the maxima of groups of its rows; `CoarseTable` says for what.

    Args:
        states: What tells the products.
        rows: Rows of the table.
        k: How many are wanted.
    """
    best = states.below_all[:, None][:, :0]
    events, found = len(best), []
    block = max(1, SCORES // max(1, events))
    for start in range(PADDING + 1, rows, block):
        some = slice(start, min(start + block, rows))
        maxima = states.maxima(some)
        best = torch.cat([best.to(maxima), _some_of_the_best(maxima, k)], 1)
        best = best.topk(min(k, best.shape[1]), dim=1).values
        enough = best.shape[1] == k
        least = states.reach(best[:, -1] if enough else states.below_all)
        found.append(torch.stack(states.reaching(some, maxima, least)))
    event, row = torch.cat(found, 1)
    return event, row


def _some_of_the_best(
    maxima: Shaped[Tensor, "events groups"], k: int
) -> Shaped[Tensor, "events some"]:
    """Return scores of which the least is no more than the `k`-th best of all.

    The best of many groups at once are quickly found, and few of them share one.
    """
    each = maxima.shape[1] // GROUPS
    if each >= GROUPS * k:
        maxima = maxima[:, : GROUPS * each].reshape(len(maxima), GROUPS, each).amax(1)
    return maxima.topk(min(k, maxima.shape[1]), dim=1).values


def largest_norm(table: Float[Tensor, "rows size"]) -> float:
    """Return the length of the longest row but the first, which is padding."""
    return longest(table[PADDING + 1 :])


def longest(rows: Float[Tensor, "rows size"]) -> float:
    """Return the length of the longest row."""
    return float(rows.norm(dim=1).max())
