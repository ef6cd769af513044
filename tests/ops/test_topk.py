import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.ops.topk import lowest, order_preserving_int, topk


@given(
    st.integers(1, 5),
    st.sampled_from([16, 80, 96, 320, 33]),
    st.integers(1, 12),
    st.sampled_from([torch.float32, torch.bfloat16, torch.int32]),
    st.integers(0, 2**32),
)
def test_the_k_largest_are_those_of_torch(events, candidates, k, dtype, seed):
    torch.manual_seed(seed)
    scores = (100 * torch.randn(events, candidates)).to(dtype)
    scores.masked_fill_(torch.rand(events, candidates) < 0.2, lowest(scores))
    values, columns = topk(scores, k)
    expected = scores.double().topk(k).values
    assert torch.equal(values.double().sort(descending=True).values, expected)
    assert torch.equal(scores.gather(1, columns), values)
    assert all(len(set(row)) == k for row in columns.tolist())


@given(st.lists(st.floats(width=16, allow_nan=False), max_size=20))
def test_whole_numbers_are_in_the_order_of_floats(numbers):
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        floats = torch.tensor(numbers, dtype=dtype)
        order = order_preserving_int(floats).sort().indices
        assert torch.equal(floats[order], floats.sort().values)


@pytest.mark.parametrize("k", [1, 100])
def test_the_k_largest_on_a_wide_row_in_few_groups(k):
    scores = torch.randn(3, 16 * 400)
    expected = scores.topk(k).values
    assert torch.equal(topk(scores, k)[0].sort(descending=True).values, expected)
