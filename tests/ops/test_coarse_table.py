import pytest
import torch

from tronrec.ops.coarse_table import WORDS, QuantizedTable, RoundedTable
from tronrec.ops.scratch import Scratch


@pytest.mark.parametrize("events", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("items", [1, 3, 4, 129])
@pytest.mark.parametrize("words", [1, 2, 7])
def test_torchs_product_of_bfloat16_and_int8(events, items, words):
    """What is relied on: sums in float32, one rounding, rows of whole words."""
    torch.manual_seed(0)
    size = words * WORDS
    whole = torch.randint(-127, 128, (items + 2, size), dtype=torch.int8)
    rows, units = whole[1:-1], torch.rand(items).to(torch.bfloat16)
    hidden = torch.randn(events, size).to(torch.bfloat16)
    found = torch._weight_int8pack_mm(hidden, rows, units)
    expected = (hidden.double() @ rows.double().T) * units.double()
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, rtol=2**-8, atol=1e-3)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("size", [7, 32, 201])
@pytest.mark.parametrize("excess", [1, 100])
def test_products_err_by_no_more_than_the_residual_says(kind, size, excess):
    torch.manual_seed(0)
    table = torch.randn(301, size) * torch.rand(301, 1)
    table[:, -1] *= excess
    coarse = (
        QuantizedTable(table)
        if kind == "int8"
        else RoundedTable(table, getattr(torch, kind))
    )
    hidden = torch.randn(5, size).to(coarse.dtype).float()
    scaled = hidden if coarse.scale is None else hidden * coarse.scale
    found = coarse.products(scaled, slice(1, 301), 4, Scratch())
    assert found.shape == (5, 304) and found[:, 300:].isneginf().all()
    exact = hidden.double() @ table[1:].double().T
    bound = scaled.norm(dim=1, keepdim=True) * (coarse.residual + 1e-4)
    bound = bound + coarse.unit * exact.abs() * 1.01
    assert ((found[:, :300].double() - exact).abs() <= bound).all()
    assert (coarse.residual == 0) == (kind == "float32")


def test_a_wide_column_does_not_coarsen_the_others():
    torch.manual_seed(0)
    table = torch.randn(301, 32)
    even = QuantizedTable(table)
    assert (even.scale == 1).all()
    table[:, 5] *= 100
    wide = QuantizedTable(table)
    assert wide.residual < 2 * even.residual
    assert (wide.scale != 1).sum() == 1 and wide.scale[5] == 128
