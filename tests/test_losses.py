import math
from functools import partial

import pytest
import torch

from reference import losses as reference
from tronrec.losses import bce, bpr_max, choose_loss, sampled_softmax
from tronrec.params import LossParams

PAIRS = {
    "bce": (bce, reference.bce),
    "bpr_max": (
        partial(bpr_max, penalty=0.3),
        partial(reference.bpr_max, penalty=0.3),
    ),
    "sampled_softmax": (sampled_softmax, reference.sampled_softmax),
}


@pytest.fixture(params=PAIRS)
def pair(request):
    return PAIRS[request.param]


@pytest.mark.parametrize("seed", range(5))
def test_values_match_the_formula(pair, seed):
    ours, theirs = pair
    torch.manual_seed(seed)
    positive, negative = torch.randn(7).double(), 3 * torch.randn(7, 11).double()
    hit = torch.rand(7, 11) < 0.3
    expected = [
        theirs(p.item(), n[~h].tolist())
        for p, n, h in zip(positive, negative, hit, strict=True)
    ]
    assert ours(positive, negative, hit).item() == pytest.approx(
        sum(expected) / 7, rel=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_row_of_hits_may_be_that_of_all(pair, dtype):
    positive, negative = torch.randn(5, dtype=dtype), torch.randn(5, 9, dtype=dtype)
    hit = torch.rand(1, 9) < 0.3
    expected = pair[0](positive, negative, hit.expand(5, 9).clone())
    torch.testing.assert_close(pair[0](positive, negative, hit), expected)


def test_gradients_match_differences(pair):
    positive = torch.randn(4, dtype=torch.float64, requires_grad=True)
    negative = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    hit = torch.rand(4, 6) < 0.3
    hit[:, 0] = False
    assert torch.autograd.gradcheck(pair[0], (positive, negative, hit))


def test_a_hit_has_no_gradient_and_nothing_overflows(pair):
    negative = torch.tensor([[90.0, 1, -90], [9, 9, 9]], requires_grad=True)
    positive = torch.tensor([-90.0, 0], requires_grad=True)
    hit = torch.tensor([[True, False, False], [True, True, True]])
    loss = pair[0](positive, negative, hit)
    loss.backward()
    assert loss.isfinite()
    assert not negative.grad[hit].any()
    assert negative.grad.isfinite().all()
    assert positive.grad.isfinite().all()


def test_a_softmax_without_negatives_costs_nothing():
    positive = torch.randn(3, requires_grad=True)
    negative = torch.empty(3, 0, requires_grad=True)
    loss = sampled_softmax(positive, negative, torch.empty(3, 0, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert not positive.grad.any()
    assert negative.grad.shape == (3, 0)


def test_scores_pass_through_an_elu():
    positive, negative = torch.tensor([-2.0]), torch.tensor([[3.0, -1.0, 9.0]])
    hit = torch.tensor([[False, False, True]])
    scores = [0.5 * (math.exp(-2) - 1), 3.0, 0.5 * (math.exp(-1) - 1)]
    loss = choose_loss(LossParams(name="bpr_max", penalty=0.5, elu=0.5))
    expected = reference.bpr_max(scores[0], scores[1:], 0.5)
    assert loss(positive, negative, hit).item() == pytest.approx(expected)


def test_the_loss_is_chosen_by_its_name():
    assert choose_loss(LossParams(name="bce")) is bce
    assert choose_loss(LossParams()) is sampled_softmax
    chosen = choose_loss(LossParams(name="bpr_max", penalty=0.5))
    arguments = torch.zeros(1), torch.ones(1, 2), torch.zeros(1, 2, dtype=torch.bool)
    assert chosen(*arguments).item() == pytest.approx(
        reference.bpr_max(0, [1, 1], penalty=0.5)
    )
