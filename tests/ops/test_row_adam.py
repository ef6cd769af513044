"""Both ways of moving rows are Adam, number by number."""

import math

import pytest
import torch

from tronrec.ops import row_adam
from tronrec.ops.row_adam import adam_rows
from tronrec.ops.sparse_grad import SparseGradient

RATE, STEP = 0.02, 7


def by_definition(number, mean, square, gradient):
    """Return a number and its moments after a step (Kingma and Ba, algorithm 1)."""
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    corrected = mean / (1 - 0.9**STEP), square / (1 - 0.999**STEP)
    root = math.sqrt(corrected[1])
    return number - RATE * corrected[0] / (root + 1e-8), mean, square


@pytest.mark.parametrize("way", ["_move_in_one_pass", "_move_with_torch"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows", [0, 1, 2, 11])
def test_rows_move_by_the_definition(way, threads, rows, monkeypatch):
    monkeypatch.setattr(row_adam, "SHARE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(row_adam, "_move_in_one_pass", getattr(row_adam, way))
    table = torch.randn(20, 5).double()
    moments = torch.randn(20, 5).double(), torch.rand(20, 5).double()
    chosen = torch.randperm(20)[:rows].sort().values
    gradient = SparseGradient(chosen, torch.randn(5, rows).double().T)
    before = [tensor.tolist() for tensor in (table, *moments)]
    adam_rows(table, moments, gradient, learning_rate=RATE, step=STEP)
    values = dict(zip(chosen.tolist(), gradient.values.tolist(), strict=True))
    for row in range(20):
        for column in range(5):
            then = [numbers[row][column] for numbers in before]
            now = [tensor[row, column].item() for tensor in (table, *moments)]
            expected = then
            if row in values:
                expected = by_definition(*then, values[row][column])
            assert now == pytest.approx(expected, rel=1e-9)


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    gradient = SparseGradient(torch.arange(500), torch.randn(500, 30))
    start, found = torch.randn(500, 30), []
    for threads in (1, 2, 7):
        monkeypatch.setattr(row_adam, "SHARE", 1)
        monkeypatch.setattr(torch, "get_num_threads", lambda count=threads: count)
        table, moments = start.clone(), (torch.zeros(500, 30), torch.zeros(500, 30))
        adam_rows(table, moments, gradient, learning_rate=0.1, step=1)
        found.append(table)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
