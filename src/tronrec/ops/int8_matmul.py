"""Products of int8 in int32, by the processor's own instruction or by one of AVX2.

Processors with VNNI multiply int8 natively, and torch makes use of it. Older ones have
an instruction that multiplies bytes without a sign by some with one, and adds two
neighbours in 16 bits. Seven bits of the former are never too much for that: a state is
a whole number up to 63, and 64 more. 64 times the sum of a row is taken off again.
"""

from functools import cache, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from torch import Tensor
from torch.nn.functional import pad

from tronrec.ops.compiled import arrays_of, compiled, in_parts, threads_for

LEVELS = 127
"""The largest whole number that a component of a row becomes."""
OFFSET = 64
"""What is added to states, so that none of their components has a sign."""
LANES, PIECE = 8, 4
"""Products in a vector of AVX2, and components that make one of them at a time."""
TOGETHER, VECTORS = 4, 2
"""States and vectors of products that are computed at once: all fit the registers."""
GROUP = LANES * VECTORS
AT_ONCE = 32
"""Groups of rows that stay in a core's cache while all states are multiplied."""
SHARE = 20_000_000
"""Multiplications for each thread, at least: a third of a millisecond."""

_BYTE, _SHORT, _WORD = (ir.IntType(bits) for bits in (8, 16, 32))
_BYTES, _SHORTS, _WORDS = (
    ir.VectorType(kind, size) for kind, size in ((_BYTE, 32), (_SHORT, 16), (_WORD, 8))
)


@cache
def has_instruction() -> bool:
    """Return whether the processor multiplies int8 natively, and torch makes use of it.

    Without such an instruction torch's products may be wrong: sums of two exceed 16
    bits.
    """
    if not torch.cpu._is_vnni_supported():
        return False
    extreme = torch.full((32, 64), LEVELS, dtype=torch.int8)
    return bool((torch._int_mm(extreme, extreme.T) == 64 * LEVELS**2).all())


@cache
def has_loops() -> bool:
    """Return whether loops can be compiled for the processor: with AVX2."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return "+avx2" in features.split(",")


def multiplies_int8() -> bool:
    """Return whether products of int8 are faster than those in float32."""
    return has_instruction() or has_loops()


def state_levels() -> int:
    """Return the largest whole number that a component of a state may be."""
    by_loops = has_loops() and not has_instruction()
    return OFFSET - 1 if by_loops else LEVELS


def int8_products(
    states: Int[Tensor, "events size"],
    rows: Int[Tensor, "rows size"],
    out: Int[Tensor, "events rows"],
) -> Int[Tensor, "events rows"]:
    """Return the product of each state with each row.

    Args:
        states: Of int8, with components from minus to plus `state_levels`; a multiple
            of 32 of them, for the same kernel serves them all then.
        rows: Of int8, with components from minus to plus `LEVELS`.
        out: Memory for the products, of int32.
    """
    if has_instruction() or not has_loops():
        return torch._int_mm(states, rows.T, out=out)
    return loop_products(states, rows, out)


def loop_products(
    states: Int[Tensor, "events size"],
    rows: Int[Tensor, "rows size"],
    out: Int[Tensor, "events rows"],
) -> Int[Tensor, "events rows"]:
    """Return the same by compiled loops, for components of states up to 63.

    Raises:
        ValueError: The number of states is no multiple of `TOGETHER`, or numbers of the
            memory do not follow one another.
    """
    if not out.is_contiguous():
        raise ValueError("products go to memory in which they follow one another")
    if len(states) % TOGETHER:
        raise ValueError(f"{len(states)} states are no multiple of {TOGETHER}")
    missing = 0, -rows.shape[1] % PIECE
    states, rows = (
        pad(part, missing) if any(missing) else part for part in (states, rows)
    )
    unsigned = states.view(torch.uint8) + OFFSET
    rows = rows.contiguous()
    arrays = arrays_of(unsigned, rows, rows.view(torch.int32), out)
    work = partial(_multiply, arrays)
    groups = -(-len(rows) // GROUP)
    in_parts(work, groups, threads_for(len(states) * rows.numel(), SHARE))
    return out


def _type(
    _context: Any, states: Any, packed: Any, begins: Any, out: Any
) -> tuple[Any, Any]:
    return types.void(states, packed, begins, out), _generate


def _generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Write the loop over the components, `PIECE` at a time."""

    def unpacked(kind: Any, value: Any) -> tuple[Any, ...]:
        array, *place = cgutils.unpack_tuple(builder, value)
        made = context.make_array(kind[0])(context, builder, array)
        return made.data, builder.extract_value(made.shape, kind[0].ndim - 1), *place

    def at(base: Any, place: Any, kind: Any) -> Any:
        return builder.bitcast(builder.gep(base, [place]), kind.as_pointer())

    parts = [unpacked(*pair) for pair in zip(signature.args, given, strict=True)]
    (left, size, first), (right, _, group), (start, *_), into = parts
    found, width, row, column = into
    word = size.type
    of_states = [
        builder.gep(left, [builder.mul(builder.add(first, word(number)), size)])
        for number in range(TOGETHER)
    ]
    of_group = builder.gep(right, [builder.mul(group, builder.mul(size, word(GROUP)))])
    offset = builder.mul(group, word(GROUP))
    sums = []
    for _ in of_states:
        sums.append([cgutils.alloca_once(builder, _WORDS) for _ in range(VECTORS)])
        for number, total in enumerate(sums[-1]):
            place = builder.add(offset, word(number * LANES))
            builder.store(builder.load(at(start, place, _WORDS), align=4), total)

    add_pairs = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(_SHORTS, [_BYTES, _BYTES]),
        "llvm.x86.avx2.pmadd.ub.sw",
    )
    add_shorts = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(_WORDS, [_SHORTS, _SHORTS]),
        "llvm.x86.avx2.pmadd.wd",
    )
    ones = ir.Constant(_SHORTS, [1] * 16)
    unknown, same = ir.Constant(_WORDS, ir.Undefined), ir.Constant(_WORDS, [0] * LANES)

    loop = cgutils.for_range_slice(builder, word(0), size, word(PIECE), intp=word)
    with loop as (place, _):
        begin = builder.mul(place, word(GROUP))
        pieces = [
            builder.load(
                at(of_group, builder.add(begin, word(number * LANES * PIECE)), _BYTES),
                align=1,
            )
            for number in range(VECTORS)
        ]
        for state, totals in zip(of_states, sums, strict=True):
            piece = builder.load(at(state, place, _WORD), align=1)
            vector = builder.insert_element(unknown, piece, _WORD(0))
            everywhere = builder.shuffle_vector(vector, unknown, same)
            factor = builder.bitcast(everywhere, _BYTES)
            for other, total in zip(pieces, totals, strict=True):
                pairs = builder.call(add_pairs, [factor, other])
                fours = builder.call(add_shorts, [pairs, ones])
                builder.store(builder.add(builder.load(total), fours), total)
    for number, totals in enumerate(sums):
        line = builder.mul(builder.add(row, word(number)), width)
        for vector, total in enumerate(totals):
            place = builder.add(builder.add(line, column), word(vector * LANES))
            builder.store(builder.load(total), at(found, place, _WORDS), align=4)
    return context.get_dummy_value()


_products: Any = intrinsic(_type)
"""Write the products of `TOGETHER` states with a group of rows to memory. Each argument
is an array and a place of it: the first state, the group, what its products begin with,
and where they go."""


@compiled
def _multiply(arrays: Any, low: int, high: int) -> None:
    """Multiply all states with some groups of rows."""
    states, rows, words, out = arrays
    count, size = rows.shape
    packed = np.empty(AT_ONCE * GROUP * size, np.int8)
    pieces = packed.view(np.int32).reshape((AT_ONCE, size // PIECE, GROUP))
    begins = np.empty(AT_ONCE * GROUP, np.int32)
    edge = np.empty((TOGETHER, GROUP), np.int32)
    for start in range(low, high, AT_ONCE):
        groups = min(AT_ONCE, high - start)
        first = start * GROUP
        for number in range(groups * GROUP):
            row, group, lane = first + number, number // GROUP, number % GROUP
            total = 0
            if row < count:
                for i in range(size):
                    total += rows[row, i]
                for i in range(size // PIECE):
                    pieces[group, i, lane] = words[row, i]
            begins[number] = -OFFSET * total
        for event in range(0, len(states), TOGETHER):
            for group in range(groups):
                column = first + group * GROUP
                if column + GROUP <= count:
                    place = out, event, column
                    _products((states, event), (packed, group), (begins, group), place)
                    continue
                place = edge, 0, 0
                _products((states, event), (packed, group), (begins, group), place)
                for number in range(TOGETHER):
                    for lane in range(count - column):
                        out[event + number, column + lane] = edge[number, lane]
