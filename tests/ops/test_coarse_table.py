import pytest
import torch

from tronrec.ops.coarse_table import largest_norm
from tronrec.ops.quantized_table import (
    QuantizedStates,
    QuantizedTable,
    WholeStates,
)
from tronrec.ops.rounded_table import RoundedStates, RoundedTable

KINDS = ["float32", "bfloat16", "int8"]


def ask(kind, table, hidden):
    norm = largest_norm(table)
    if kind == "int8":
        return QuantizedStates(QuantizedTable(table, norm), hidden)
    return RoundedStates(RoundedTable(table, getattr(torch, kind), norm), hidden)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [7, 32, 201])
@pytest.mark.parametrize("excess", [1, 100])
@pytest.mark.parametrize("common", [0, 10])
@pytest.mark.parametrize("seed", range(3))
def test_what_belongs_to_the_best_reaches(kind, size, excess, common, seed):
    """Whichever of two items is better: where its product is, the other's tells."""
    torch.manual_seed(seed)
    table = torch.randn(302, size) * torch.rand(302, 1) + common * torch.randn(size)
    table[:, -1] *= excess
    hidden = torch.randn(5, size)
    states = ask(kind, table, hidden)
    exact = hidden.double() @ table[1:].double().T
    every = [states.maxima(slice(row, row + 1)) for row in range(1, 302)]
    products = torch.cat(every, 1)
    for place in range(301):
        least = states.reach(products[:, place])[:, None]
        better = exact >= exact[:, place, None]
        assert (products >= least)[better].all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [slice(1, 2), slice(1, 18), slice(5, 300)])
def test_what_reaches_is_found_in_its_group(kind, rows):
    torch.manual_seed(0)  # of whole numbers, sums are the same in any order
    table, hidden = torch.randint(-9, 9, (2, 301, 20)).float()
    hidden = hidden[:6]
    alone, states = ask(kind, table, hidden), ask(kind, table, hidden)
    numbers = range(rows.start, rows.stop)
    each = [alone.maxima(slice(row, row + 1))[:, 0] for row in numbers]
    products = torch.stack(each, 1)
    maxima = states.maxima(rows)
    assert torch.equal(maxima.amax(1), products.amax(1))
    for least in (states.reach(maxima[:, 0]), states.reach(states.below_all)):
        event, row = states.reaching(rows, maxima, least)
        found = torch.zeros_like(products, dtype=torch.int8)
        found.index_put_((event, row - rows.start), torch.ones(1).char(), True)
        assert torch.equal(found, (products >= least[:, None]).char())


def test_float32_rounds_nothing():
    table = torch.randn(301, 20)
    assert RoundedTable(table, torch.float32, largest_norm(table)).residual == 0


def test_a_wide_column_and_what_all_share_do_not_coarsen_the_others():
    torch.manual_seed(0)
    table = torch.randn(301, 32)
    even = QuantizedTable(table, largest_norm(table))
    assert (even.scale == 1).all()
    table[:, 5] *= 100
    table += 50 * torch.randn(32)
    wide = QuantizedTable(table, largest_norm(table))
    assert wide.residual < 2 * even.residual
    assert (wide.scale != 1).sum() == 1 and wide.scale[5] == 128


@pytest.mark.parametrize("length", [1e10, 1e18])
def test_no_item_is_lost_to_states_whose_squares_overflow(length):
    table = torch.zeros(3, 16)
    table[1, 0] = table[2, 1] = 1
    quantized = QuantizedTable(table, largest_norm(table))
    event, row = quantized.search(torch.full((1, 16), length), 2)
    assert row.tolist() == [1, 2] and event.tolist() == [0, 0]


@pytest.mark.parametrize("table", [torch.zeros(20, 5), torch.ones(20, 5)])
def test_rows_that_are_all_the_same(table):
    states = ask("int8", table, torch.zeros(2, 5))
    assert (states.maxima(slice(1, 20)) == 0).all()


@pytest.mark.parametrize("excess", [1, 2, 60])
@pytest.mark.parametrize("size", [7, 32, 201])
def test_states_are_fine_where_a_column_is_wide(excess, size):
    """Its copies have as many levels as int16 would need, while there is room."""
    torch.manual_seed(0)
    table, hidden = torch.randn(302, size), torch.randn(40, size)
    table[:, -1] *= excess
    quantized = QuantizedTable(table, largest_norm(table))
    assert quantized.copies.sum() <= quantized.rows.shape[1]
    levels = 127 * quantized.copies
    states, wide = WholeStates(quantized, hidden, levels), hidden * quantized.scale
    assert (states.whole.abs() <= levels).all()
    unit = (wide.abs() / levels).amax(1, keepdim=True)
    assert ((states.whole * unit - wide).abs() <= 0.51 * unit).all()
    stored = quantized._divide(states.whole)[:40].long()
    assert torch.equal(
        stored @ quantized.rows.long().T,
        states.whole.long() @ quantized.rows[:, :size].long().T,
    )
