import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.rows import (
    Terms,
    pair_products,
    row_logits,
    sum_by_item,
    weighted_rows,
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
    torch.testing.assert_close(row_logits(hidden, pool, slots), logits)
    summed = torch.einsum("nk,nkd->nd", weights, pool[slots])
    torch.testing.assert_close(weighted_rows(pool, slots, weights), summed)


def test_a_product_is_the_same_to_the_bit_in_any_company():
    torch.manual_seed(0)
    left, right = torch.randn(50, 200), torch.randn(80, 200)
    pairs = torch.randint(50, (500,)), torch.randint(80, (500,))
    together = pair_products(left, right, *pairs)
    for pair in range(0, 500, 7):
        alone = pair_products(left, right, *(side[pair : pair + 1] for side in pairs))
        assert alone.item() == together[pair].item()


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_sum_by_item_is_a_dense_index_add(terms, seed):
    torch.manual_seed(seed)
    items, sources = torch.randint(1, 20, (terms,)), torch.randint(7, (terms,))
    weights, vectors = torch.randn(terms).double(), torch.randn(7, 3).double()
    gradients = sum_by_item(Terms(items, sources, weights, vectors))
    expected = torch.zeros(20, 3).double()
    expected.index_add_(0, items, weights[:, None] * vectors[sources])
    assert gradients.items.tolist() == sorted(set(items.tolist()))
    torch.testing.assert_close(gradients.vectors, expected[gradients.items])


def test_terms_add_up():
    torch.manual_seed(0)
    one = Terms(
        torch.tensor([3, 1, 3]),
        torch.tensor([0, 0, 1]),
        torch.tensor([1.0, 2.0, 3.0]),
        torch.randn(2, 4),
    )
    items, vectors = torch.tensor([1, 5]), torch.randn(2, 4)
    both = sum_by_item(one + Terms.single(items, vectors))
    assert both.items.tolist() == [1, 3, 5]
    first = 2 * one.vectors[0] + vectors[0]
    expected = torch.stack([first, one.vectors[0] + 3 * one.vectors[1], vectors[1]])
    torch.testing.assert_close(both.vectors, expected)
