"""What is minimised: a scalar from the logits of an event's positive and negatives.

Every loss has one signature. `positive` is [events], `negative` and `masked` are
[events, negatives]; a negative marked in `masked` does not count. The result is the
mean over the events.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import elu, logsigmoid, softplus

from tronrec.params import LossParams

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def bce(
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    masked: Bool[Tensor, "events negatives"],
) -> Float[Tensor, ""]:
    """Return the binary cross-entropy, with the mean over an event's negatives."""
    counted = (~masked).sum(1).clamp(min=1)
    negatives = softplus(negative).masked_fill(masked, 0).sum(1) / counted
    return (softplus(-positive) + negatives).mean()


def bpr_max(
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    masked: Bool[Tensor, "events negatives"],
    *,
    penalty: float,
) -> Float[Tensor, ""]:
    """Return BPR-max (Hidasi and Karatzoglou, 2018, equation 10).

    -log Σ softmax(neg) · sigmoid(pos - neg) + penalty · Σ softmax(neg) · neg². An event
    of which all negatives are hits counts as 0.
    """
    blank = masked.all(1)
    masked = masked & ~blank[:, None]
    weight = negative.masked_fill(masked, -torch.inf).log_softmax(1)
    likelihood = (weight + logsigmoid(positive[:, None] - negative)).logsumexp(1)
    size = (weight.exp() * negative.square()).sum(1)
    return (penalty * size - likelihood).masked_fill(blank, 0).mean()


def sampled_softmax(
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    masked: Bool[Tensor, "events negatives"],
) -> Float[Tensor, ""]:
    """Return the cross-entropy of the positive among its negatives (SSM).

    -log(exp(pos) / (exp(pos) + Σ exp(neg))).
    """
    loss: Tensor = cast(Any, _SampledSoftmax).apply(positive, negative, masked)
    return loss


def after_elu(
    loss: Loss,
    alpha: float,
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    masked: Bool[Tensor, "events negatives"],
) -> Float[Tensor, ""]:
    """Return `loss` of scores that never fall below -alpha (GRU4Rec+)."""
    return loss(elu(positive, alpha), elu(negative, alpha), masked)


def choose_loss(params: LossParams) -> Loss:
    """Return the loss of `params`."""
    match params.name:
        case "bce":
            loss: Loss = bce
        case "bpr_max":
            loss = partial(bpr_max, penalty=params.penalty)
        case "sampled_softmax":
            loss = sampled_softmax
    return loss if params.elu is None else partial(after_elu, loss, params.elu)


class _SampledSoftmax(Function):
    """The softmax with as few passes over the negatives as it takes.

    They are thousands an event, and what joins, masks and normalises them one after the
    other, forwards and backwards, takes three times as long as this.
    """

    @staticmethod
    def forward(
        context: Any,
        positive: Float[Tensor, "events"],
        negative: Float[Tensor, "events negatives"],
        masked: Bool[Tensor, "events negatives"],
    ) -> Float[Tensor, ""]:
        weights = negative.masked_fill(masked, -torch.inf)
        largest = positive
        if weights.shape[1]:
            largest = torch.maximum(positive, weights.amax(1))
        weights.sub_(largest[:, None]).exp_()
        of_positive = (positive - largest).exp()
        total = of_positive + weights.sum(1)
        context.save_for_backward(weights, of_positive, total)
        return (total.log() + largest - positive).mean()

    @staticmethod
    def backward(
        context: Any, *gradients: Float[Tensor, ""]
    ) -> tuple[Tensor, Tensor, None]:
        weights, of_positive, total = context.saved_tensors
        share = gradients[0] / len(total)
        each = share / total
        return of_positive * each - share, weights * each[:, None], None
