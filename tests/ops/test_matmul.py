import pytest
import torch

from tronrec.ops.int8_matmul import state_levels
from tronrec.ops.matmul import all_products, coarse_products
from tronrec.ops.scratch import Scratch

ITEMS, SIZE = 30, 5


@pytest.mark.parametrize("events", [1, 31, 32, 33])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_all_products_of_any_number_of_events(events, precision):
    hidden = torch.randn(events, SIZE).to(precision)
    vectors = torch.randn(ITEMS, SIZE).to(precision)
    torch.testing.assert_close(
        all_products(hidden, vectors, Scratch()), hidden @ vectors.T
    )


@pytest.mark.parametrize("events", [1, 31, 32, 33])
@pytest.mark.parametrize("items", [0, 1, ITEMS])
def test_coarse_products_are_those_of_whole_numbers(events, items):
    hidden = torch.randn(events, SIZE) * torch.rand(events, 1)
    vectors = torch.randn(items, SIZE)
    before = hidden.clone()
    states = (hidden / (hidden.abs().amax(1, keepdim=True) / state_levels())).round()
    whole = (vectors / (vectors.abs().max() / 127)).round() if items else vectors
    products, unit = coarse_products(hidden, vectors.clone(), torch.int8, Scratch())
    assert torch.equal(hidden, before)
    assert torch.equal(products, (states.double() @ whole.double().T).to(products))
    torch.testing.assert_close(products * unit, hidden @ vectors.T, atol=0.2, rtol=0.1)


def test_zeros_are_compared():
    hidden, vectors = torch.zeros(2, SIZE), torch.zeros(3, SIZE)
    products, unit = coarse_products(hidden, vectors, torch.int8, Scratch())
    assert not products.any() and unit.isfinite().all()
