"""Losses of many negatives an event in one pass over them, forwards and backwards.

Torch takes a pass over all logits for each operation of a formula, and memory for what
it leaves, a dozen times for some losses. Compiled loops read the logits of an event
once, and again from the cache; exponentials are polynomials, of as many numbers at once
as a processor takes. They are right to some millionths, as float32 is. What the losses
are is written in `tronrec.losses`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor

from tronrec.ops.compiled import arrays_of, in_parts, summing, threads_for

SHARE = 1 << 19
"""Logits for each thread, at least: half a millisecond."""
LEAST, MOST = np.float32(-60), np.float32(88)
"""Of what exponentials are taken. Smaller ones are lost in every sum here, and much
smaller ones make products slow; larger ones are no float32."""
INFINITY, ZERO, HALF, ONE, TWO = map(np.float32, (np.inf, 0, 0.5, 1, 2))
LOG2_E, LN2, LN2_REST = map(np.float32, (1.44269504, 0.693359375, -2.12194440e-4))
E1, E2, E3, E4, E5, E6 = map(
    np.float32,
    (1.98756915e-4, 1.39819995e-3, 8.33345191e-3, 4.16657959e-2, 1.66666655e-1, 0.5),
)
"""Of a polynomial for exponentials of less than half of ln 2 (Cephes, expf)."""
L3, L5, L7, L9, L11, L13 = (np.float32(1 / n) for n in (3, 5, 7, 9, 11, 13))
BIAS, MANTISSA = np.int32(127), np.int32(23)
"""Of the exponent of a float, and how many bits follow it."""
Given = tuple[Tensor, Tensor, Tensor]
"""Logits of positives [events] and negatives [events, negatives], and which of these do
not count."""


def _type_of_bits(_context: Any, word: Any) -> tuple[Any, Any]:
    return types.float32(types.int32), _generate_float


def _generate_float(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
    return builder.bitcast(given[0], ir.FloatType())


_of_bits: Any = intrinsic(_type_of_bits)
"""The float that has the bits of a whole number."""


@summing
def _exp(x: Any) -> Any:
    x = min(max(x, LEAST), MOST)  # in this order what is no number remains none
    power = np.floor(x * LOG2_E + HALF)
    x = x - power * LN2 - power * LN2_REST
    near = ((((E1 * x + E2) * x + E3) * x + E4) * x + E5) * x + E6
    return (near * x * x + x + ONE) * _of_bits((np.int32(power) + BIAS) << MANTISSA)


@summing
def _log_1_plus(x: Any) -> Any:
    """Return log(1 + x) of x from 0 to 1, as 2 artanh(x / (2 + x))."""
    z = x / (TWO + x)
    y = z * z
    near = ((((L13 * y + L11) * y + L9) * y + L7) * y + L5) * y + L3
    return TWO * z * (ONE + y * near)


@summing
def _softplus(x: Any) -> Any:
    return max(x, ZERO) + _log_1_plus(_exp(-abs(x)))


@summing
def _sigmoid(x: Any) -> Any:
    small = _exp(-abs(x))
    return (ONE if x >= ZERO else small) / (ONE + small)


@summing
def _largest(row: Any, masked: Any) -> Any:
    most = -INFINITY
    for j in range(len(row)):
        most = max(most, -INFINITY if masked[j] else row[j])
    return most


@summing
def _sum_exp(row: Any, masked: Any, most: Any) -> Any:
    total = ZERO
    for j in range(len(row)):
        total += ZERO if masked[j] else _exp(row[j] - most)
    return total


@summing
def _softmax_losses(arrays: Any, _penalty: Any, low: int, high: int) -> None:
    positive, negative, masked, losses = arrays
    for event in range(low, high):
        most = max(positive[event], _largest(negative[event], masked[event]))
        others = _sum_exp(negative[event], masked[event], most)
        if most == positive[event]:  # it may be a loss of nearly nothing
            losses[event] = np.log1p(others)
        else:
            total = others + _exp(positive[event] - most)
            losses[event] = np.log(total) + (most - positive[event])


@summing
def _softmax_gradients(arrays: Any, _penalty: Any, low: int, high: int) -> None:
    positive, negative, masked, losses, given, of_positive, of_negative = arrays
    for event in range(low, high):
        row, out, mask = negative[event], of_negative[event], masked[event]
        weight, normal, total = given[event], positive[event] + losses[event], ZERO
        for j in range(len(row)):
            out[j] = ZERO if mask[j] else weight * _exp(row[j] - normal)
            total += out[j]
        of_positive[event] = -total


@summing
def _bce_losses(arrays: Any, _penalty: Any, low: int, high: int) -> None:
    positive, negative, masked, losses = arrays
    for event in range(low, high):
        row, mask = negative[event], masked[event]
        total, count = ZERO, ZERO
        for j in range(len(row)):
            total += ZERO if mask[j] else _softplus(row[j])
            count += ZERO if mask[j] else ONE
        losses[event] = _softplus(-positive[event]) + total / max(count, ONE)


@summing
def _bce_gradients(arrays: Any, _penalty: Any, low: int, high: int) -> None:
    positive, negative, masked, _, given, of_positive, of_negative = arrays
    for event in range(low, high):
        row, out, mask = negative[event], of_negative[event], masked[event]
        count = ZERO
        for j in range(len(row)):
            count += ZERO if mask[j] else ONE
        weight = given[event] / max(count, ONE)
        for j in range(len(row)):
            out[j] = ZERO if mask[j] else weight * _sigmoid(row[j])
        of_positive[event] = -given[event] * _sigmoid(-positive[event])


@summing
def _bpr_parts(positive: Any, row: Any, masked: Any, logs: Any) -> Any:
    """Write log(softmax · sigmoid) of each negative, but for what all have in common.

    Returns:
        The largest logit, the sum of exponentials relative to it, the mean of squares
        by the softmax, the largest of what is written, and the sum of its exponentials.
    """
    most = _largest(row, masked)
    total = squares = ZERO
    for j in range(len(row)):
        weight = ZERO if masked[j] else _exp(row[j] - most)
        total += weight
        squares += weight * row[j] * row[j]
        logs[j] = row[j] - most - _softplus(row[j] - positive)
    top = _largest(logs, masked)
    above = _sum_exp(logs, masked, top)
    return most, total, squares / total, top, above


@summing
def _bpr_losses(arrays: Any, penalty: Any, low: int, high: int) -> None:
    positive, negative, masked, losses = arrays
    logs = np.empty(negative.shape[1], np.float32)
    for event in range(low, high):
        row, mask = negative[event], masked[event]
        most, total, size, top, above = _bpr_parts(positive[event], row, mask, logs)
        losses[event] = ZERO
        if most > -INFINITY:
            losses[event] = penalty * size - top - np.log(above) + np.log(total)


@summing
def _bpr_gradients(arrays: Any, penalty: Any, low: int, high: int) -> None:
    positive, negative, masked, _, given, of_positive, of_negative = arrays
    for event in range(low, high):
        row, out, mask = negative[event], of_negative[event], masked[event]
        own, scale = positive[event], given[event]
        most, total, size, top, above = _bpr_parts(own, row, mask, out)
        worse = ZERO
        if most == -INFINITY:
            total, above = ONE, ONE
        for j in range(len(row)):
            better = ZERO if mask[j] else _exp(out[j] - top) / above
            share = ZERO if mask[j] else _exp(row[j] - most) / total
            worse += better * _sigmoid(row[j] - own)
            slope = share - better * _sigmoid(own - row[j])
            slope += penalty * share * (row[j] * row[j] - size + TWO * row[j])
            out[j] = ZERO if mask[j] else scale * slope
        of_positive[event] = -scale * worse


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sampled_softmax": (_softmax_losses, _softmax_gradients),
    "bce": (_bce_losses, _bce_gradients),
    "bpr_max": (_bpr_losses, _bpr_gradients),
}
"""Of each loss what finds it, and what differentiates it."""


def losses_of(name: str, given: Given, penalty: float) -> Float[Tensor, "events"]:
    """Return the loss of each event, of logits in float32 on a CPU.

    Args:
        name: One of `LOSSES`.
        given: Logits of positives and negatives, and which of these do not count.
        penalty: Of BPR-max; the others have none.
    """
    found = torch.empty_like(given[0], memory_format=torch.contiguous_format)
    _run(LOSSES[name][0], (*given, found), penalty)
    return found


def gradients_of(
    name: str,
    given: Given,
    losses: Float[Tensor, "events"],
    weights: Float[Tensor, "events"],
    penalty: float,
) -> tuple[Float[Tensor, "events"], Float[Tensor, "events negatives"]]:
    """Return the gradients of positives and negatives.

    Args:
        name: One of `LOSSES`.
        given: As for `losses_of`.
        losses: What it returned.
        weights: The gradient of each event's loss.
        penalty: As for `losses_of`.
    """
    of_positive, of_negative = (
        torch.empty_like(logits, memory_format=torch.contiguous_format)
        for logits in given[:2]
    )
    _run(LOSSES[name][1], (*given, losses, weights, of_positive, of_negative), penalty)
    return of_positive, of_negative


def _run(work: Any, tensors: tuple[Tensor, ...], penalty: float) -> None:
    threads = threads_for(tensors[1].numel(), SHARE)
    todo = partial(work, arrays_of(*tensors), np.float32(penalty))
    in_parts(todo, len(tensors[0]), threads)


def is_compiled(
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    masked: Bool[Tensor, "events negatives"],
) -> bool:
    """Return whether these logits are of the kind that the loops are for."""
    given = positive, negative, masked
    dtypes = positive.dtype == negative.dtype == torch.float32
    return dtypes and not any(tensor.is_cuda for tensor in given)
