"""Losses in compiled loops are those of their formulas, in double precision."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.losses import bce, bpr_max, sampled_softmax
from tronrec.ops import compiled_losses as module
from tronrec.ops.compiled_losses import gradients_of, losses_of

FORMULAS = {
    "sampled_softmax": (sampled_softmax, 0.0),
    "bce": (bce, 0.0),
    "bpr_max": (partial(bpr_max, penalty=0.0), 0.0),
    "bpr_max, penalty": (partial(bpr_max, penalty=0.7), 0.7),
}


def by_formula(name, positive, negative, masked, weights):
    """Return the loss of each event and the gradients, from the formula in float64."""
    formula, _ = FORMULAS[name]
    positive, negative = (x.double().requires_grad_() for x in (positive, negative))
    each = [
        formula(positive[event : event + 1], negative[event : event + 1], mask[None])
        for event, mask in enumerate(masked)
    ]
    losses = torch.stack(each)
    (losses @ weights.double()).backward()
    return losses.detach(), positive.grad, negative.grad


@given(
    st.sampled_from(sorted(FORMULAS)),
    st.tuples(st.integers(1, 5), st.sampled_from([0, 1, 3, 16, 33, 100])),
    st.sampled_from([0.1, 3.0, 30.0]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 2**32),
)
def test_losses_and_gradients_are_those_of_the_formula(name, shape, spread, hits, seed):
    torch.manual_seed(seed)
    positive, negative = spread * torch.randn(shape[0]), spread * torch.randn(shape)
    given_to = positive, negative, torch.rand(shape) < hits
    weights = torch.rand(shape[0])
    penalty = FORMULAS[name][1]
    name_there = name.split(",")[0]
    losses = losses_of(name_there, given_to, penalty)
    found = losses, *gradients_of(name_there, given_to, losses, weights, penalty)
    expected = by_formula(name, *given_to, weights)
    for ours, theirs in zip(found, expected, strict=True):
        scale = float(theirs.abs().max()) if theirs.numel() else 0.0
        # shares of softmax and sigmoid, of size 1 and in float32, lie on the way
        close = {"rtol": 2e-5, "atol": 1e-5 * max(scale, 0.1)}
        torch.testing.assert_close(ours.double(), theirs, **close)
    assert not found[2][given_to[2]].any()


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("count", [3, 40, 41])
@pytest.mark.parametrize("place", [None, 0, -1])
def test_what_is_no_number_stays_none(name, count, place):
    """A training that diverges has to be noticed by its loss."""
    positive, negative = torch.randn(4), torch.randn(4, count)
    if place is None:
        positive[2] = torch.nan
    else:
        negative[2, place] = torch.nan
    masked = torch.zeros(4, count, dtype=torch.bool)
    assert FORMULAS[name][0](positive, negative, masked).isnan()


@pytest.mark.parametrize("name", FORMULAS)
def test_logits_of_any_size_have_a_loss_and_gradients(name):
    positive = torch.tensor([-90.0, 0, 500, -500], requires_grad=True)
    negative = torch.tensor(
        [[90.0, 1, -90], [9, 9, 9], [-500, 500, 2], [500, -500, 400]],
        requires_grad=True,
    )
    masked = torch.zeros(4, 3, dtype=torch.bool)
    masked[1], masked[0, 0] = True, True
    loss = FORMULAS[name][0](positive, negative, masked)
    loss.backward()
    _, *expected = by_formula(
        name, positive.detach(), negative.detach(), masked, torch.full((4,), 0.25)
    )
    for logits, gradient in zip((positive, negative), expected, strict=True):
        torch.testing.assert_close(logits.grad.double(), gradient, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_number_of_threads_changes_no_bit(name, monkeypatch):
    monkeypatch.setattr(module, "SHARE", 1)
    positive, negative = torch.randn(50), torch.randn(50, 37)
    masked, found = torch.rand(50, 37) < 0.1, []
    for threads in (1, 2, 7):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=threads: count)
        logits = [x.clone().requires_grad_() for x in (positive, negative)]
        loss = FORMULAS[name][0](*logits, masked)
        found.append([loss, *torch.autograd.grad(loss, logits)])
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


def test_exponentials_and_logarithms_are_right():
    for x in np.linspace(-60, 88, 3_001).astype(np.float32):
        assert module._exp(x) == pytest.approx(math.exp(x), rel=1e-6)
    for x in np.linspace(0, 1, 1_001).astype(np.float32):
        assert module._log_1_plus(x) == pytest.approx(math.log1p(x), rel=1e-6)
    assert module._exp(np.float32(-1e30)) == pytest.approx(math.exp(-60), rel=1e-6)
