import pytest
import torch

from tronrec.models.dropout import dropout


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.25, 0.5])
def test_rate_and_mean(rate):
    torch.manual_seed(0)
    values = torch.ones(1000, 301)
    dropped = dropout(values, rate)
    assert (dropped == 0).double().mean().item() == pytest.approx(rate, abs=0.005)
    assert dropped.double().mean().item() == pytest.approx(1, abs=0.01)
    assert len(dropped.unique()) == 2


@pytest.mark.parametrize("rate", [0.998, 0.999, 0.9999])
def test_a_rate_near_one_leaves_some(rate):
    kept = dropout(torch.ones(100_000), rate) != 0
    assert kept.double().mean().item() == pytest.approx(1 / 256, abs=0.002)


def test_gradient_passes_where_the_value_does():
    values = torch.randn(50, 7, requires_grad=True)
    dropped = dropout(values, 0.4)
    dropped.sum().backward()
    torch.testing.assert_close(values.grad * values, dropped)


def test_rate_zero_changes_nothing():
    values = torch.randn(5)
    assert dropout(values, 0.0) is values
