"""All ways to the same logits and gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference.model import all_negatives
from tronrec.ops.scratch import Scratch
from tronrec.ops.session_gradient import sum_terms
from tronrec.ops.sparse_grad import sum_by_item
from tronrec.training import logits as module
from tronrec.training import session_logits
from tronrec.training.hard_negatives import Negatives, SessionNegatives
from tronrec.training.logits import (
    CatalogueLogits,
    PairLogits,
    SharedLogits,
    StepLogits,
    choose_logits,
)
from tronrec.training.session_logits import SessionLogits

ITEMS, SIZE = 30, 5


def dense_gradient(*found) -> torch.Tensor:
    gradients = sum_terms(found).summed()
    assert len(set(gradients.item_ids.tolist())) == len(gradients.item_ids)
    dense = torch.zeros(ITEMS + 1, SIZE, dtype=gradients.values.dtype)
    return dense.index_add_(0, gradients.item_ids, gradients.values)


sizes = st.integers(1, 9)


def double(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@given(sizes, st.integers(1, 12), st.integers(0, 2**32))
def test_candidates_match_autograd(events, candidates, seed):
    torch.manual_seed(seed)
    table, hidden = double(ITEMS + 1, SIZE), double(events, SIZE)
    items = torch.randint(1, ITEMS + 1, (events, candidates))  # with repetitions
    weights = double(events, candidates)

    table.requires_grad_(), hidden.requires_grad_()
    expected = torch.einsum("nd,nkd->nk", hidden, table[items])
    (expected * weights).sum().backward()
    of_table, of_hidden = table.grad, hidden.grad
    table, hidden = table.detach(), hidden.detach()

    for way in (PairLogits(table, items), CatalogueLogits(table, items)):
        torch.testing.assert_close(way.forward(hidden), expected.detach())
        found, terms = way.backward(hidden, weights)
        torch.testing.assert_close(found, of_hidden)
        torch.testing.assert_close(dense_gradient(terms), of_table)


@given(sizes, sizes, st.integers(0, 5), st.integers(0, 2**32))
def test_shared_negatives_match_those_of_each_event(events, shared, own, seed):
    torch.manual_seed(seed)
    table, hidden = double(ITEMS + 1, SIZE), double(events, SIZE)
    target = torch.randint(1, ITEMS + 1, (events, 1))
    of_all = torch.randint(1, ITEMS + 1, (shared,))  # with repetitions
    of_each = torch.randint(1, ITEMS + 1, (events, own))
    candidates = torch.cat([target, of_all.expand(events, -1), of_each], 1)
    plain = PairLogits(table, candidates)
    split = StepLogits(
        PairLogits(table, torch.cat([target, of_each], 1)),
        SharedLogits(of_all, table[of_all]),
    )

    positive, negative = split.forward(hidden)
    expected = plain.forward(hidden)
    torch.testing.assert_close(positive, expected[:, 0])
    torch.testing.assert_close(negative, expected[:, 1:])
    weights = double(*candidates.shape)
    expected_hidden, expected_terms = plain.backward(hidden, weights)
    of_hidden, terms = split.backward(hidden, weights[:, 0], weights[:, 1:])
    torch.testing.assert_close(of_hidden, expected_hidden)
    torch.testing.assert_close(dense_gradient(*terms), dense_gradient(expected_terms))


@given(
    st.lists(sizes, min_size=1, max_size=6),
    sizes,
    st.integers(0, 4),
    st.integers(0, 2**32),
)
def test_negatives_of_sessions_match_those_of_each_event(lengths, drawn, own, seed):
    torch.manual_seed(seed)
    session = torch.repeat_interleave(torch.tensor(lengths))
    events = len(session)
    table, hidden = double(ITEMS + 1, SIZE), double(events, SIZE)
    targets = torch.randint(1, ITEMS + 1, (events,))
    of_sessions = torch.randint(1, ITEMS + 1, (len(lengths), drawn))  # with repetitions
    per_event = torch.randint(1, ITEMS + 1, (events, own))
    masked = torch.zeros(events, drawn + own, dtype=torch.bool)
    negatives = Negatives(
        *(torch.empty(0, dtype=torch.long), per_event, masked),
        SessionNegatives(of_sessions, session),
    )
    items = torch.cat([targets[:, None], all_negatives(negatives)], 1)
    weights = double(*items.shape)
    plain = PairLogits(table, items)
    expected_hidden, expected_terms = plain.backward(hidden, weights)
    for dense, at_once in ((0, 1), (0, 2 * drawn), (10_000, 1)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "DENSE", dense)
            patch.setattr(session_logits, "AT_ONCE", at_once)
            ways = choose_logits(table, targets, negatives, Scratch())
            found, of_hidden, of_items = [], [], []
            for some, way in ways:
                assert isinstance(way.shared, SessionLogits) == (dense == 0)
                states, of_logits = hidden[some], weights[some]
                found.append(
                    torch.cat([x.view(len(states), -1) for x in way.forward(states)], 1)
                )
                more, terms = way.backward(states, of_logits[:, 0], of_logits[:, 1:])
                of_hidden.append(more)
                of_items += terms
        torch.testing.assert_close(torch.cat(found), plain.forward(hidden))
        torch.testing.assert_close(torch.cat(of_hidden), expected_hidden)
        expected = dense_gradient(expected_terms)
        torch.testing.assert_close(dense_gradient(*of_items), expected)


def test_events_in_parts(monkeypatch):
    torch.manual_seed(0)
    table, hidden = torch.randn(ITEMS + 1, SIZE), torch.randn(11, SIZE)
    items, weights = torch.randint(ITEMS + 1, (11, 6)), torch.randn(11, 6)
    way = CatalogueLogits(table, items)
    logits, (of_hidden, terms) = way.forward(hidden), way.backward(hidden, weights)
    monkeypatch.setattr(module, "EVENTS", 4)
    torch.testing.assert_close(way.forward(hidden), logits)
    again, terms_again = way.backward(hidden, weights)
    torch.testing.assert_close(again, of_hidden)
    torch.testing.assert_close(terms_again.vectors, terms.vectors)


@pytest.mark.parametrize("kind", ["dense", "shared"])
def test_rounded_factors_change_little(kind):
    torch.manual_seed(0)
    table, hidden = torch.randn(ITEMS + 1, 64), torch.randn(11, 64)
    items, weights = torch.randint(ITEMS + 1, (11, 90)), torch.randn(11, 90)
    found = []
    for precision in (torch.float32, torch.bfloat16):
        rounded = table.to(precision)
        if kind == "shared":
            way = SharedLogits(items[0], rounded[items[0]])
            logits = way.forward(hidden, weights[:, :3])
            assert torch.equal(logits[:, 90:], weights[:, :3])
        else:
            way = CatalogueLogits(rounded, items)
            logits = way.forward(hidden)
        of_hidden, terms = way.backward(hidden, weights)
        gradients = of_hidden, terms.vectors
        assert all(x.dtype == torch.float32 for x in gradients)
        found.append(torch.cat([x.flatten().float() for x in (logits, *gradients)]))
    exact, rounded = found
    assert not torch.equal(exact, rounded)
    assert torch.cosine_similarity(exact, rounded, 0) > 0.9999


def test_rows_that_no_event_drew_are_left_out():
    way = CatalogueLogits(torch.randn(ITEMS + 1, SIZE), torch.tensor([[7, 9]]))
    _, terms = way.backward(torch.randn(1, SIZE), torch.ones(1, 2))
    assert sum_by_item(terms).item_ids.tolist() == [0, 7, 9]


@pytest.mark.parametrize("shared", [0, 5])
@pytest.mark.parametrize(("own", "way"), [(2, PairLogits), (3, CatalogueLogits)])
def test_the_dense_product_serves_many_candidates(shared, own, way):
    table, targets = torch.randn(ITEMS + 1, SIZE), torch.randint(1, ITEMS + 1, (4,))
    own = torch.randint(1, ITEMS + 1, (4, own))
    shared = torch.randint(1, ITEMS + 1, (shared,))
    masked = torch.zeros(4, len(shared) + own.shape[1], dtype=torch.bool)
    drawn = Negatives(shared, own, masked)
    [(events, found)] = choose_logits(table, targets, drawn, Scratch())
    assert events == slice(0, 4)
    assert isinstance(found.per_event, way)
    assert (found.shared is not None) == bool(len(shared))
    hidden = torch.randn(4, SIZE)
    positive, negative = found.forward(hidden)
    assert negative.shape == masked.shape
    items = torch.cat([targets[:, None], all_negatives(drawn)], 1)
    wanted = PairLogits(table, items).forward(hidden)
    torch.testing.assert_close(positive, wanted[:, 0])
    torch.testing.assert_close(negative, wanted[:, 1:])
