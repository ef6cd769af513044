import pytest
import torch

from tronrec.ops.coarse_table import QuantizedTable, RoundedTable, largest_norm

KINDS = ["float32", "bfloat16", "int8"]


def make(kind, table):
    if kind == "int8":
        return QuantizedTable(table, largest_norm(table))
    return RoundedTable(table, getattr(torch, kind), largest_norm(table))


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
    states = make(kind, table).ask(hidden)
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
    alone, states = make(kind, table).ask(hidden), make(kind, table).ask(hidden)
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
    assert make("float32", table).residual == 0


def test_a_wide_column_and_what_all_share_do_not_coarsen_the_others():
    torch.manual_seed(0)
    table = torch.randn(301, 32)
    even = make("int8", table)
    assert (even.scale == 1).all()
    table[:, 5] *= 100
    wide = make("int8", table + 50 * torch.randn(32))
    assert wide.residual < 2 * even.residual
    assert (wide.scale != 1).sum() == 1 and wide.scale[5] == 128


@pytest.mark.parametrize("table", [torch.zeros(20, 5), torch.ones(20, 5)])
def test_rows_that_are_all_the_same(table):
    states = make("int8", table).ask(torch.zeros(2, 5))
    assert (states.maxima(slice(1, 20)) == 0).all()
