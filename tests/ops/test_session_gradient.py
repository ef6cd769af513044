"""The gradient of items that sessions share, against one product for each session."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.ops import session_gradient as module
from tronrec.ops.session_gradient import SessionTerms, sum_terms
from tronrec.ops.sparse_grad import SparseGradient, UnsummedGradient

ITEMS, SIZE = 30, 5


def random_terms(parts, candidates, others):
    """Return terms of sessions, some at a time, and others, and the dense gradient."""
    terms, dense = [], torch.zeros(ITEMS, SIZE).double()
    for lengths in parts:
        item_ids = torch.randint(ITEMS, (len(lengths), candidates))  # with repetitions
        hidden, weights = torch.randn(sum(lengths), SIZE).double(), []
        of_sessions = hidden.split(lengths)
        for items, states in zip(item_ids, of_sessions, strict=True):
            weights.append(torch.randn(candidates, len(states)).double())
            for item, row in zip(items, weights[-1], strict=True):
                dense[item] += row @ states
        flat = torch.cat([part.view(-1) for part in weights])
        terms.append(SessionTerms(item_ids, flat, hidden, lengths))
    for count in others:
        item_ids = torch.randint(ITEMS, (count,))
        vectors = torch.randn(count, SIZE).double()
        terms.append(UnsummedGradient.of_rows(item_ids, vectors))
        dense.index_add_(0, item_ids, vectors)
    return terms, dense


@given(
    st.tuples(
        st.lists(
            st.lists(st.integers(1, 11), min_size=1, max_size=3), min_size=1, max_size=3
        ),
        st.integers(1, 12),
        st.lists(st.integers(0, 9), min_size=1, max_size=3),
    ),
    st.sampled_from([1, 3, 1000]),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_slabs_are_the_dense_gradient(sizes, slab, threads, seed):
    torch.manual_seed(seed)
    terms, dense = random_terms(*sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLAB", slab)
        patch.setattr(torch, "get_num_threads", lambda: threads)
        gradient = sum_terms(terms)
        found, touched = torch.zeros_like(dense), []
        for part in gradient.slabs():
            assert len(part.item_ids) == len(part.values) <= slab
            found[part.item_ids] = part.values
            touched += part.item_ids.tolist()
        whole = gradient.summed()
    expected = sorted({int(item) for part in terms for item in part.item_ids.view(-1)})
    assert touched == gradient.item_ids.tolist() == whole.item_ids.tolist() == expected
    torch.testing.assert_close(found, dense)
    assert torch.equal(whole.values, found[touched])


def test_without_sessions_the_gradient_is_summed_at_once():
    terms, dense = random_terms([], 1, [9, 4])
    found = sum_terms(terms)
    assert isinstance(found, SparseGradient)
    torch.testing.assert_close(found.values, dense[found.item_ids])
