"""All ways to the same logits and gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference.model import all_negatives
from tronrec import products
from tronrec.precision import Scratch, all_products, compared_products
from tronrec.products import Dense, Products, Scattered, Shared, choose_products
from tronrec.rows import sum_by_item
from tronrec.sampling import Negatives

ITEMS, SIZE = 30, 5


def dense_gradient(found) -> torch.Tensor:
    gradients = sum_by_item(found)
    assert len(set(gradients.items.tolist())) == len(gradients.items)
    dense = torch.zeros(ITEMS + 1, SIZE, dtype=gradients.vectors.dtype)
    return dense.index_add_(0, gradients.items, gradients.vectors)


sizes = st.integers(1, 9)


def double(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@given(sizes, st.integers(1, 12), st.integers(0, 2**32))
def test_candidates_match_autograd(events, candidates, seed):
    torch.manual_seed(seed)
    table, states = double(ITEMS + 1, SIZE), double(events, SIZE)
    items = torch.randint(1, ITEMS + 1, (events, candidates))  # with repetitions
    weights = double(events, candidates)

    table.requires_grad_(), states.requires_grad_()
    expected = torch.einsum("nd,nkd->nk", states, table[items])
    (expected * weights).sum().backward()
    of_table, of_states = table.grad, states.grad
    table, states = table.detach(), states.detach()

    for way in (Scattered(table, items), Dense(table, items)):
        torch.testing.assert_close(way.logits(states), expected.detach())
        found, terms = way.gradients(states, weights)
        torch.testing.assert_close(found, of_states)
        torch.testing.assert_close(dense_gradient(terms), of_table)


@given(sizes, sizes, st.integers(0, 5), st.integers(0, 2**32))
def test_shared_negatives_match_those_of_each_event(events, shared, own, seed):
    torch.manual_seed(seed)
    table, states = double(ITEMS + 1, SIZE), double(events, SIZE)
    target = torch.randint(1, ITEMS + 1, (events, 1))
    of_all = torch.randint(1, ITEMS + 1, (shared,))  # with repetitions
    of_each = torch.randint(1, ITEMS + 1, (events, own))
    candidates = torch.cat([target, of_all.expand(events, -1), of_each], 1)
    plain = Scattered(table, candidates)
    split = Products(
        Scattered(table, torch.cat([target, of_each], 1)),
        Shared(of_all, table[of_all]),
    )

    positive, negative = split.logits(states)
    expected = plain.logits(states)
    torch.testing.assert_close(positive, expected[:, 0])
    torch.testing.assert_close(negative, expected[:, 1:])
    weights = double(*candidates.shape)
    expected_states, expected_terms = plain.gradients(states, weights)
    of_states, terms = split.gradients(states, weights[:, 0], weights[:, 1:])
    torch.testing.assert_close(of_states, expected_states)
    torch.testing.assert_close(dense_gradient(terms), dense_gradient(expected_terms))


def test_events_in_parts(monkeypatch):
    torch.manual_seed(0)
    table, states = torch.randn(ITEMS + 1, SIZE), torch.randn(11, SIZE)
    items, weights = torch.randint(ITEMS + 1, (11, 6)), torch.randn(11, 6)
    way = Dense(table, items)
    logits, (of_states, terms) = way.logits(states), way.gradients(states, weights)
    monkeypatch.setattr(products, "EVENTS", 4)
    torch.testing.assert_close(way.logits(states), logits)
    again, terms_again = way.gradients(states, weights)
    torch.testing.assert_close(again, of_states)
    torch.testing.assert_close(terms_again.vectors, terms.vectors)


@pytest.mark.parametrize("kind", ["dense", "shared"])
def test_rounded_factors_change_little(kind):
    torch.manual_seed(0)
    table, states = torch.randn(ITEMS + 1, 64), torch.randn(11, 64)
    items, weights = torch.randint(ITEMS + 1, (11, 90)), torch.randn(11, 90)
    found = []
    for precision in (torch.float32, torch.bfloat16):
        rounded = table.to(precision)
        way = Dense(rounded, items)
        if kind == "shared":
            way = Shared(items[0], rounded[items[0]])
        logits, (of_states, terms) = way.logits(states), way.gradients(states, weights)
        gradients = of_states, terms.vectors
        assert all(x.dtype == torch.float32 for x in gradients)
        found.append(torch.cat([x.flatten().float() for x in (logits, *gradients)]))
    exact, rounded = found
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


@pytest.mark.parametrize("events", [1, 31, 32, 33])
@pytest.mark.parametrize("items", [0, 1, ITEMS])
def test_compared_products_are_those_of_whole_numbers(events, items):
    hidden = torch.randn(events, SIZE) * torch.rand(events, 1)
    vectors = torch.randn(items, SIZE)
    before = hidden.clone()
    states = (hidden / (hidden.abs().amax(1, keepdim=True) / 127)).round()
    whole = (vectors / (vectors.abs().max() / 127)).round() if items else vectors
    products, unit = compared_products(hidden, vectors.clone(), torch.int8, Scratch())
    assert torch.equal(hidden, before)
    assert torch.equal(products, (states.double() @ whole.double().T).to(products))
    torch.testing.assert_close(products * unit, hidden @ vectors.T, atol=0.2, rtol=0.1)


def test_zeros_are_compared():
    hidden, vectors = torch.zeros(2, SIZE), torch.zeros(3, SIZE)
    products, unit = compared_products(hidden, vectors, torch.int8, Scratch())
    assert not products.any() and unit.isfinite().all()


def test_rows_that_no_event_drew_are_left_out():
    way = Dense(torch.randn(ITEMS + 1, SIZE), torch.tensor([[7, 9]]))
    _, terms = way.gradients(torch.randn(1, SIZE), torch.ones(1, 2))
    assert sum_by_item(terms).items.tolist() == [0, 7, 9]


@pytest.mark.parametrize("shared", [0, 5])
@pytest.mark.parametrize(("own", "way"), [(2, Scattered), (3, Dense)])
def test_the_dense_product_serves_many_candidates(shared, own, way):
    table, targets = torch.randn(ITEMS + 1, SIZE), torch.randint(1, ITEMS + 1, (4,))
    own = torch.randint(1, ITEMS + 1, (4, own))
    shared = torch.randint(1, ITEMS + 1, (shared,))
    hit = torch.zeros(4, len(shared) + own.shape[1], dtype=torch.bool)
    drawn = Negatives(shared, own, hit)
    found = choose_products(table, targets, drawn, Scratch())
    assert isinstance(found.own, way)
    assert (found.shared is not None) == bool(len(shared))
    states = torch.randn(4, SIZE)
    positive, negative = found.logits(states)
    assert negative.shape == hit.shape
    items = torch.cat([targets[:, None], all_negatives(drawn)], 1)
    wanted = Scattered(table, items).logits(states)
    torch.testing.assert_close(positive, wanted[:, 0])
    torch.testing.assert_close(negative, wanted[:, 1:])
