"""Both ways to the same logits and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tronrec import products
from tronrec.precision import Scratch, all_products
from tronrec.products import Pooled, Scattered, choose_products
from tronrec.rows import sum_by_item
from tronrec.sampling import Negatives, Pool

ITEMS, SIZE = 30, 5


def dense_gradient(found) -> torch.Tensor:
    gradients = sum_by_item(found)
    assert len(set(gradients.items.tolist())) == len(gradients.items)
    dense = torch.zeros(ITEMS + 1, SIZE, dtype=gradients.vectors.dtype)
    return dense.index_add_(0, gradients.items, gradients.vectors)


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 25), st.integers(0, 2**32))
def test_both_match_autograd(events, candidates, size, seed):
    torch.manual_seed(seed)
    table = torch.randn(ITEMS + 1, SIZE).double()
    table[0] = 0
    states = torch.randn(events, SIZE).double()
    pool = torch.randint(1, ITEMS + 1, (size,))  # with repetitions
    columns = torch.randint(size, (events, candidates))  # likewise
    weights = torch.randn(events, candidates).double()

    table.requires_grad_(), states.requires_grad_()
    expected = torch.einsum("nd,nkd->nk", states, table[pool[columns]])
    (expected * weights).sum().backward()
    of_table, of_states = table.grad, states.grad
    table, states = table.detach(), states.detach()

    ways = Scattered(table, pool[columns]), Pooled(pool, table[pool], columns)
    for way in ways:
        torch.testing.assert_close(way.logits(states), expected.detach())
        found, terms = way.gradients(states, weights)
        torch.testing.assert_close(found, of_states)
        torch.testing.assert_close(dense_gradient(terms), of_table)


def test_events_in_parts(monkeypatch):
    torch.manual_seed(0)
    table, states = torch.randn(ITEMS + 1, SIZE), torch.randn(11, SIZE)
    columns, weights = torch.randint(ITEMS, (11, 6)), torch.randn(11, 6)
    way = Pooled(torch.arange(ITEMS), table[:-1], columns)
    logits, (of_states, terms) = way.logits(states), way.gradients(states, weights)
    monkeypatch.setattr(products, "EVENTS", 4)
    torch.testing.assert_close(way.logits(states), logits)
    again, terms_again = way.gradients(states, weights)
    torch.testing.assert_close(again, of_states)
    torch.testing.assert_close(terms_again.vectors, terms.vectors)


def test_rounded_factors_change_little():
    torch.manual_seed(0)
    table, states = torch.randn(ITEMS, 64), torch.randn(11, 64)
    columns, weights = torch.randint(ITEMS, (11, 90)), torch.randn(11, 90)
    found = []
    for precision in (torch.float32, torch.bfloat16):
        way = Pooled(torch.arange(ITEMS), table.to(precision), columns)
        logits, (of_states, terms) = way.logits(states), way.gradients(states, weights)
        found.append(
            torch.cat([x.flatten() for x in (logits, of_states, terms.vectors)])
        )
    exact, rounded = found
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    assert torch.cosine_similarity(exact, rounded, 0) > 0.9999


@pytest.mark.parametrize("events", [1, 31, 32, 33])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_all_products_of_any_number_of_events(events, precision):
    hidden = torch.randn(events, SIZE).to(precision)
    vectors = torch.randn(ITEMS, SIZE).to(precision)
    torch.testing.assert_close(
        all_products(hidden, vectors, Scratch()), hidden @ vectors.T
    )


def test_rows_that_no_event_drew_are_left_out():
    way = Pooled(torch.tensor([7, 8, 9]), torch.randn(3, SIZE), torch.tensor([[0, 2]]))
    _, terms = way.gradients(torch.randn(1, SIZE), torch.ones(1, 2))
    assert sum_by_item(terms).items.tolist() == [0, 7, 9]


@pytest.mark.parametrize(
    ("candidates", "pool_size", "way"),
    [(2, None, Scattered), (3, None, Pooled), (2, 30, Pooled), (2, 31, Scattered)],
)
def test_the_dense_product_serves_many_candidates(candidates, pool_size, way):
    table, targets = torch.randn(ITEMS + 1, SIZE), torch.randint(1, ITEMS + 1, (4,))
    negatives = torch.randint(1, ITEMS + 1, (4, candidates))
    pool = None
    if pool_size is not None:
        items = torch.cat([targets, negatives.view(-1)])
        fill = torch.ones(pool_size - len(items), dtype=torch.long)
        column = torch.arange(4)
        rest = (4 + torch.arange(4 * candidates)).view(4, -1)
        pool = Pool(torch.cat([items, fill]), column, rest)
    drawn = Negatives(negatives, torch.zeros_like(negatives, dtype=torch.bool), pool)
    found = choose_products(table, targets, drawn, Scratch())
    assert isinstance(found, way)
    states = torch.randn(4, SIZE)
    wanted = Scattered(table, torch.cat([targets[:, None], negatives], 1))
    torch.testing.assert_close(found.logits(states), wanted.logits(states))
