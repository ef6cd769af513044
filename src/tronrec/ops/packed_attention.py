"""Causal attention inside packed sessions, row by row, forwards and backwards.

Sessions are short: a row attends to a handful of others. In blocks
(`tronrec.models.attention`) all pairs of two blocks are multiplied, most of which are
of different sessions, and rows are copied to make blocks. Compiled loops visit only the
pairs that there are.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Self, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function

from tronrec.ops.compiled import arrays_of, compiled, in_parts, summing, threads_for
from tronrec.ops.pair_products import dot

LEVELS = 256
"""Dropout rates are multiples of one of so many."""
SHARE = 2_000_000
"""Multiplications for each thread, at least: half a millisecond. For less, another one
costs more than it spares, since a thread of torch's may be spinning there."""


@compiled
def _is_dropped(seed: Any, number: Any, dropped: Any) -> Any:
    """Return whether the weight of this number is, by a hash of it (splitmix64)."""
    word = np.uint64(seed) + np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((word ^ (word >> np.uint64(31))) & np.uint64(LEVELS - 1)) < dropped


@summing
def _add(total: Any, weight: Any, row: Any) -> None:
    for i in range(len(total)):
        total[i] += weight * row[i]


@compiled
def _attend(arrays: Any, numbers: Any, low: int, high: int) -> None:
    """Write the weights of rows `low` to `high`, and the values they sum to."""
    rows, first, places, weights, kept, out = arrays
    scale, factor, seed, dropped = numbers
    heads = rows.shape[2]
    for row in range(low, high):
        begin, count = first[row], row - first[row] + 1
        for head in range(heads):
            place = places[row] * heads + head * count
            own = weights[place : place + count]
            most = -np.inf
            for j in range(count):
                own[j] = scale * dot(rows[row, 0, head], rows[begin + j, 1, head])
                most = max(most, own[j])
            total = own.dtype.type(0)
            for j in range(count):
                own[j] = np.exp(own[j] - most)
                total += own[j]
            out[row, head] = 0
            for j in range(count):
                own[j] /= total
                weight = own[j] * factor
                if dropped and _is_dropped(seed, place + j, dropped):
                    weight = own.dtype.type(0)
                kept[place + j] = weight
                _add(out[row, head], weight, rows[begin + j, 2, head])


@compiled
def _differentiate(arrays: Any, numbers: Any, low: int, high: int) -> None:
    """Add the gradients that rows of the sessions beginning in a range give."""
    rows, first, places, weights, kept, of_out, found = arrays
    scale, factor = numbers
    heads = rows.shape[2]
    slopes = np.empty(len(rows), weights.dtype)
    row = low
    while row < len(rows):
        begin, count = first[row], row - first[row] + 1
        if begin >= high:
            break
        if begin < low:
            row += 1
            continue
        for head in range(heads):
            place = places[row] * heads + head * count
            mean = weights.dtype.type(0)
            for j in range(count):
                slope = weights.dtype.type(0)
                if kept[place + j] != 0:
                    slope = factor * dot(of_out[row, head], rows[begin + j, 2, head])
                    _add(found[begin + j, 2, head], kept[place + j], of_out[row, head])
                slopes[j] = slope
                mean += weights[place + j] * slope
            for j in range(count):
                slope = scale * weights[place + j] * (slopes[j] - mean)
                _add(found[row, 0, head], slope, rows[begin + j, 1, head])
                _add(found[begin + j, 1, head], slope, rows[row, 0, head])
        row += 1


@dataclass(frozen=True)
class Pairs:
    """Which rows attend to which: each to those of its session up to itself."""

    first: Int[Tensor, "events"]
    """The first row of each row's session."""
    places: Int[Tensor, "events"]
    """Where the pairs of each row begin."""
    count: int
    """All pairs."""

    @classmethod
    def of(cls, session: Int[Tensor, "events"]) -> Self:
        """Return the pairs of packed rows, of which the session's numbers ascend."""
        first = torch.searchsorted(session, session)
        counts = torch.arange(1, len(session) + 1) - first
        ends = counts.cumsum(0)
        return cls(first, ends - counts, int(ends[-1]) if len(ends) else 0)


class _PackedAttention(Function):
    @staticmethod
    def forward(
        context: Any,
        rows: Float[Tensor, "events 3 heads size"],
        pairs: Pairs,
        dropped: int,
    ) -> Float[Tensor, "events heads size"]:
        rows = rows.contiguous()
        heads, size = rows.shape[2:]
        weights, kept = rows.new_empty(2, heads * pairs.count)
        out = torch.empty_like(rows[:, 0])
        seed = int(torch.empty((), dtype=torch.int64).random_()) if dropped else 0
        arrays = arrays_of(rows, pairs.first, pairs.places, weights, kept, out)
        numbers = size**-0.5, LEVELS / (LEVELS - dropped)
        scale, factor = map(arrays[0].dtype.type, numbers)
        work = partial(_attend, arrays, (scale, factor, seed, dropped))
        context.threads = threads_for(2 * len(weights) * size, SHARE)
        in_parts(work, len(rows), context.threads)
        context.save_for_backward(rows, weights, kept)
        context.pairs, context.numbers = pairs, (scale, factor)
        return out

    @staticmethod
    def backward(
        context: Any, *gradients: Float[Tensor, "events heads size"]
    ) -> tuple[Tensor, None, None]:
        rows, weights, kept = context.saved_tensors
        found, pairs = torch.zeros_like(rows), context.pairs
        known = rows, pairs.first, pairs.places, weights, kept
        arrays = arrays_of(*known, gradients[0], found)
        work = partial(_differentiate, arrays, context.numbers)
        in_parts(work, len(rows), context.threads)
        return found, None, None


def has_loops(rows: Tensor) -> bool:
    """Return whether compiled loops attend over rows that lie there: on a CPU."""
    return not rows.is_cuda


def packed_attention(
    rows: Float[Tensor, "events 3 heads size"], pairs: Pairs, dropped: int = 0
) -> Float[Tensor, "events heads size"]:
    """Return, for each row, the values it attends to, summed by their weights.

    Args:
        rows: Query, key and value of each row, on a CPU.
        pairs: Which rows attend to which.
        dropped: Of 256 weights, how many are set to zero, at random; the others are
            larger for it, so that sums keep their mean. Draws follow torch's generator.
    """
    found: Tensor = cast(Any, _PackedAttention).apply(rows, pairs, dropped)
    return found
