"""Maxima of products with rows of int8, compiled: no product leaves the registers.

A search wants the best of many products, not the products. Here the maximum of each
group of rows is all that is written, so reading the rows once is what it costs.
Processors multiply sixteen pairs of int16 and add neighbours in one instruction; LLVM
finds it in vectors of the right shape, on any processor, but not in a plain loop.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tronrec.ops.compiled import arrays_of, compiled, in_parts, threads_for

GROUP = 16
"""Rows of which only the largest product is kept."""
WIDTH = 16
"""Components multiplied at once: rows have a multiple of so many."""
TOGETHER = 4
"""States that a row is multiplied with while it is in registers."""
SHARE = 200_000
"""Products for each thread, at least: a millisecond."""
LOWEST = np.iinfo(np.int32).min

_BYTE, _SHORT, _WORD = (ir.IntType(bits) for bits in (8, 16, 32))


def _products_with(states: int) -> Callable[..., Any]:
    """Return what multiplies a row of int8 with so many rows of int16, in int32."""

    @intrinsic
    def products(
        _context: Any, rows: Any, row: Any, others: Any, first: Any
    ) -> tuple[Any, Any]:
        given, found = (rows, row, others, first), types.UniTuple(types.int32, states)
        return found(*given), _generate

    return products


def _generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Write the loop over the components of a row, `WIDTH` at a time."""
    rows, row, others, first = given
    kinds = signature.args
    left = context.make_array(kinds[0])(context, builder, rows)
    right = context.make_array(kinds[2])(context, builder, others)
    size = builder.extract_value(left.shape, 1)
    begin = builder.gep(left.data, [builder.mul(row, size)])
    begins = [
        builder.gep(
            right.data, [builder.mul(builder.add(first, first.type(number)), size)]
        )
        for number in range(signature.return_type.count)
    ]
    wide, half = ir.VectorType(_WORD, WIDTH), ir.VectorType(_WORD, WIDTH // 2)
    unknown = ir.Constant(wide, ir.Undefined)
    even, odd = (ir.Constant(half, [*range(start, WIDTH, 2)]) for start in (0, 1))
    sums = [cgutils.alloca_once_value(builder, half(None)) for _ in begins]

    def load(pointer: Any, place: Any, kind: Any) -> Any:
        vector = ir.VectorType(kind, WIDTH).as_pointer()
        address = builder.bitcast(builder.gep(pointer, [place]), vector)
        return builder.sext(builder.load(address, align=1), wide)

    loop = cgutils.for_range_slice(
        builder, size.type(0), size, size.type(WIDTH), intp=size.type
    )
    with loop as (place, _):
        factor = load(begin, place, _BYTE)
        for pointer, total in zip(begins, sums, strict=True):
            product = builder.mul(factor, load(pointer, place, _SHORT))
            pairs = builder.add(
                builder.shuffle_vector(product, unknown, even),
                builder.shuffle_vector(product, unknown, odd),
            )
            builder.store(builder.add(builder.load(total), pairs), total)
    kind = ir.FunctionType(_WORD, [half])
    name = f"llvm.vector.reduce.add.v{WIDTH // 2}i32"
    add_up = cgutils.get_or_insert_function(builder.module, kind, name)
    found = [builder.call(add_up, [builder.load(total)]) for total in sums]
    return context.make_tuple(builder, signature.return_type, found)


products_with_one, products_with_four = map(_products_with, (1, TOGETHER))


@compiled
def _group_maxima(rows: Any, states: Any, maxima: Any, low: int, high: int) -> None:
    count = len(states)
    together = count - count % TOGETHER
    for group in range(low, high):
        begin = group * GROUP
        end = min(begin + GROUP, len(rows))
        for event in range(0, together, TOGETHER):
            most_0 = most_1 = most_2 = most_3 = LOWEST
            for row in range(begin, end):
                found = products_with_four(rows, row, states, event)
                most_0, most_1 = max(most_0, found[0]), max(most_1, found[1])
                most_2, most_3 = max(most_2, found[2]), max(most_3, found[3])
            maxima[event, group], maxima[event + 1, group] = most_0, most_1
            maxima[event + 2, group], maxima[event + 3, group] = most_2, most_3
        for event in range(together, count):
            most = LOWEST
            for row in range(begin, end):
                most = max(most, products_with_one(rows, row, states, event)[0])
            maxima[event, group] = most


@compiled
def _find_members(rows: Any, states: Any, maxima: Any, least: Any, found: Any) -> int:
    count = 0
    for event in range(len(states)):
        for group in range(maxima.shape[1]):
            if maxima[event, group] < least[event]:
                continue
            begin = group * GROUP
            for row in range(begin, min(begin + GROUP, len(rows))):
                product = products_with_one(rows, row, states, event)[0]
                if product >= least[event]:
                    found[0, count], found[1, count] = event, row
                    count += 1
    return count


def group_maxima(
    rows: Int[torch.Tensor, "rows size"], states: Int[torch.Tensor, "events size"]
) -> Int[torch.Tensor, "events groups"]:
    """Return the largest product of each state with each `GROUP` rows, in int32.

    Args:
        rows: Of int8, whole multiples of `WIDTH` long. The last group may be smaller.
        states: Of int16; no product exceeds int32.
    """
    groups, events = -(-len(rows) // GROUP), len(states)
    maxima = torch.empty(events, groups, dtype=torch.int32)
    arrays = arrays_of(rows, states, maxima)
    threads = threads_for(len(rows) * events, SHARE)
    in_parts(partial(_group_maxima, *arrays), groups, threads)
    return maxima


def find_members(
    rows: Int[torch.Tensor, "rows size"],
    states: Int[torch.Tensor, "events size"],
    maxima: Int[torch.Tensor, "events groups"],
    least: Int[torch.Tensor, "events"],
) -> tuple[Int[torch.Tensor, "found"], Int[torch.Tensor, "found"]]:
    """Return which products reach the least one of their state.

    Args:
        rows: As for `group_maxima`.
        states: Likewise.
        maxima: What it returned.
        least: The least product that counts for each state.

    Returns:
        The number of the state, and that of the row.
    """
    groups = int((maxima >= least[:, None]).sum())
    found = torch.empty(2, GROUP * groups, dtype=torch.int64)
    count = _find_members(*arrays_of(rows, states, maxima, least, found))
    return found[0, :count], found[1, :count]
