import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.ops.sparse_grad import UnsummedGradient, sum_by_item


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_sum_by_item_is_a_dense_index_add(terms, seed):
    torch.manual_seed(seed)
    items, sources = torch.randint(1, 20, (terms,)), torch.randint(7, (terms,))
    weights, vectors = torch.randn(terms).double(), torch.randn(7, 3).double()
    gradients = sum_by_item(UnsummedGradient(items, sources, weights, vectors))
    expected = torch.zeros(20, 3).double()
    expected.index_add_(0, items, weights[:, None] * vectors[sources])
    assert gradients.item_ids.tolist() == sorted(set(items.tolist()))
    torch.testing.assert_close(gradients.values, expected[gradients.item_ids])


def test_terms_add_up():
    torch.manual_seed(0)
    one = UnsummedGradient(
        torch.tensor([3, 1, 3]),
        torch.tensor([0, 0, 1]),
        torch.tensor([1.0, 2.0, 3.0]),
        torch.randn(2, 4),
    )
    items, vectors = torch.tensor([1, 5]), torch.randn(2, 4)
    both = sum_by_item(one, UnsummedGradient.of_rows(items, vectors))
    assert both.item_ids.tolist() == [1, 3, 5]
    first = 2 * one.vectors[0] + vectors[0]
    expected = torch.stack([first, one.vectors[0] + 3 * one.vectors[1], vectors[1]])
    torch.testing.assert_close(both.values, expected)
