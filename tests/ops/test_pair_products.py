import torch
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_product_is_the_same_to_the_bit_in_any_company():
    torch.manual_seed(0)
    left, right = torch.randn(50, 200), torch.randn(80, 200)
    pairs = torch.randint(50, (500,)), torch.randint(80, (500,))
    together = pair_products(left, right, *pairs)
    for pair in range(0, 500, 7):
        alone = pair_products(left, right, *(side[pair : pair + 1] for side in pairs))
        assert alone.item() == together[pair].item()
