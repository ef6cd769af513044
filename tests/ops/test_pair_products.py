import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.ops import pair_products as pairs_module
from tronrec.ops.pair_products import (
    candidate_products,
    pair_products,
    weighted_sums,
)

sizes = st.tuples(st.integers(1, 9), st.integers(1, 30), st.integers(1, 12))


@given(sizes, st.integers(0, 2**32))
def test_products_match_dense_ones(sizes, seed):
    events, rows, candidates = sizes
    torch.manual_seed(seed)
    hidden, pool = torch.randn(events, 5).double(), torch.randn(rows, 5).double()
    slots = torch.randint(rows, (events, candidates))
    weights = torch.randn(events, candidates).double()
    logits = torch.einsum("nd,nkd->nk", hidden, pool[slots])
    torch.testing.assert_close(candidate_products(hidden, pool, slots), logits)
    summed = torch.einsum("nk,nkd->nd", weights, pool[slots])
    torch.testing.assert_close(weighted_sums(pool, slots, weights), summed)


@given(st.integers(0, 2), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32))
def test_columns_of_a_wider_table_are_summed_where_they_lie(after, part, size, seed):
    torch.manual_seed(seed)
    wide = torch.randn(9, size * (part + after)).double()
    columns = wide[:, size * (part - 1) : size * part]
    slots, weights = torch.randint(9, (4, 3)), torch.randn(4, 3).double()
    expected = torch.einsum("nk,nkd->nd", weights, columns[slots])
    torch.testing.assert_close(weighted_sums(columns, slots, weights), expected)
    uneven = torch.randn(9, size + 1).double()[:, :size]
    expected = torch.einsum("nk,nkd->nd", weights, uneven[slots])
    torch.testing.assert_close(weighted_sums(uneven, slots, weights), expected)


WIDTHS = [1, 4, 7, 101, 200, 201, 601]
"""With a bias or a trend a row has a number more, and lies anywhere in memory."""


@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_product_is_the_same_to_the_bit_in_any_company(size, threads, monkeypatch):
    monkeypatch.setattr(pairs_module, "SHARE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(0)
    left, right = torch.randn(50, size), torch.randn(80, size)
    pairs = torch.randint(50, (500,)), torch.randint(80, (500,))
    together = pair_products(left, right, *pairs)
    exact = (left.double()[pairs[0]] * right.double()[pairs[1]]).sum(1)
    torch.testing.assert_close(together.double(), exact, atol=1e-4, rtol=1e-4)
    for pair in range(0, 500, 7):
        mine, other = (side[pair : pair + 1] for side in pairs)
        rows = left[mine].clone(), right[other].clone()
        alone = pair_products(*rows, *torch.zeros(2, 1, dtype=torch.long))
        assert alone.item() == together[pair].item()


@pytest.mark.parametrize("size", WIDTHS)
def test_it_does_not_matter_where_rows_lie(size):
    """Nor between what: columns of wider tables have other distances."""
    torch.manual_seed(1)
    left, right = torch.randn(9, size), torch.randn(size).expand(40, size).contiguous()
    pairs = torch.arange(9).repeat_interleave(40), torch.arange(40).repeat(9)
    expected = pair_products(left, right, *pairs).view(9, 40)
    assert (expected == expected[:, :1]).all()
    for before, after in ((1, 0), (0, 1), (3, size)):
        wide = torch.randn(40, before + size + after)
        columns = wide[:, before : before + size]
        columns.copy_(right)
        found = pair_products(left, columns, *pairs).view(9, 40)
        assert torch.equal(found, expected)
        assert torch.equal(
            pair_products(left, columns.T.contiguous().T, *pairs), found.view(-1)
        )


def test_no_pairs_and_no_rows_have_no_products():
    nothing = torch.empty(0, dtype=torch.long)
    assert (
        len(pair_products(torch.randn(3, 5), torch.randn(0, 5), nothing, nothing)) == 0
    )
