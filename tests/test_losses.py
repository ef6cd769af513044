import pytest
import torch

from reference import losses as reference
from tronrec.losses import sampled_softmax


@pytest.mark.parametrize("seed", range(5))
def test_sampled_softmax(seed):
    generator = torch.Generator().manual_seed(seed)
    positive = torch.randn(7, generator=generator, dtype=torch.float64)
    negative = 3 * torch.randn(7, 11, generator=generator, dtype=torch.float64)
    hit = torch.rand(7, 11, generator=generator) < 0.3
    loss = sampled_softmax(positive, negative, hit)
    expected = [
        reference.sampled_softmax(p.item(), n[~h].tolist())
        for p, n, h in zip(positive, negative, hit, strict=True)
    ]
    assert loss.item() == pytest.approx(sum(expected) / 7, rel=1e-12)


def test_gradients_of_sampled_softmax():
    positive = torch.randn(4, dtype=torch.float64, requires_grad=True)
    negative = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    hit = torch.zeros(4, 6, dtype=torch.bool)
    assert torch.autograd.gradcheck(sampled_softmax, (positive, negative, hit))


def test_a_hit_has_no_gradient():
    negative = torch.randn(2, 3, requires_grad=True)
    hit = torch.tensor([[True, False, False], [True, True, True]])
    sampled_softmax(torch.zeros(2), negative, hit).backward()
    assert torch.equal(negative.grad != 0, ~hit)
    assert negative.grad.isfinite().all()
