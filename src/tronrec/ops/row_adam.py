"""Adam on some rows of a table, in one pass over them.

Torch's functions would each read or write all these numbers once more: on a CPU, where
a step touches more rows than its cache holds, that is what the time goes into.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tronrec.ops.compiled import compiled, in_parts, threads_for
from tronrec.ops.sparse_grad import SparseGradient

Moments = tuple[Float[Tensor, "items size"], Float[Tensor, "items size"]]
Tables = tuple[Tensor, Tensor, Tensor]
"""What is moved, and its moments."""

BETAS = (0.9, 0.999)
EPSILON = 1e-8
SHARE = 1 << 18
"""Numbers that a thread moves, at least: a tenth of a millisecond."""


@compiled
def _move(arrays: Any, constants: Any, low: int, high: int) -> None:
    table, mean, square, rows, gradients = arrays
    rate, root, new_mean, keep_square, new_square, epsilon = constants
    for number in range(low, high):
        row = rows[number]
        for i in range(table.shape[1]):
            gradient = gradients[number, i]
            first = mean[row, i] + new_mean * (gradient - mean[row, i])
            second = keep_square * square[row, i] + new_square * gradient * gradient
            mean[row, i], square[row, i] = first, second
            table[row, i] -= rate * (first / (np.sqrt(second) / root + epsilon))


@torch.no_grad()
def adam_rows(
    table: Float[Tensor, "items size"],
    moments: Moments,
    gradient: SparseGradient,
    *,
    learning_rate: float,
    step: int,
) -> None:
    """Move rows of a table against their gradient, and their moments with them.

    Args:
        table: What is moved, in place.
        moments: Running means of each number's gradient and of its square, in place.
        gradient: Which rows, and the gradient of each.
        learning_rate: The rate, without the correction of the moments' start at 0.
        step: Number of this step, from 1 on.
    """
    rates = learning_rate / (1 - BETAS[0] ** step), (1 - BETAS[1] ** step) ** 0.5
    move = _move_with_torch if table.is_cuda else _move_in_one_pass
    move((table, *moments), gradient, *rates)


def _move_in_one_pass(
    tables: Tables, gradient: SparseGradient, rate: float, root: float
) -> None:
    values = gradient.values.contiguous()
    given = *tables, gradient.item_ids, values
    arrays: tuple[Any, ...] = tuple(tensor.detach().numpy() for tensor in given)
    constants = rate, root, 1 - BETAS[0], BETAS[1], 1 - BETAS[1], EPSILON
    typed = tuple(arrays[0].dtype.type(number) for number in constants)
    threads = threads_for(values.numel(), SHARE)
    in_parts(partial(_move, arrays, typed), len(values), threads)


def _move_with_torch(
    tables: Tables, gradient: SparseGradient, rate: float, root: float
) -> None:
    table, mean, square = tables
    rows, values = gradient.item_ids, gradient.values
    first = mean.index_select(0, rows).lerp_(values, 1 - BETAS[0])
    second = square.index_select(0, rows).mul_(BETAS[1])
    second.addcmul_(values, values, value=1 - BETAS[1])
    mean.index_copy_(0, rows, first)
    square.index_copy_(0, rows, second)
    update = first.div_(second.sqrt_().div_(root).add_(EPSILON))
    moved = table.index_select(0, rows).sub_(update, alpha=rate)
    table.index_copy_(0, rows, moved)
