"""What is minimised: a scalar from the logits of an event's positive and negatives.

Every loss has one signature. `positive` is [events], `negative` and `masked` are
[events, negatives]; a negative marked in `masked` does not count. The result is the
mean over the events. Logits in float32 on a CPU take the same way faster
(`tronrec.ops.compiled_losses`).
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import elu, logsigmoid, softplus

from tronrec.ops.compiled_losses import gradients_of, is_compiled, losses_of
from tronrec.params import LossParams

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
P = ParamSpec("P")


class _InLoops(Function):
    """A loss in compiled loops, which take a fraction of the time of its formula.

    Negatives are thousands an event.
    """

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917 - torch passes what is differentiated
        context: Any,
        name: str,
        penalty: float,
        positive: Float[Tensor, "events"],
        negative: Float[Tensor, "events negatives"],
        masked: Bool[Tensor, "events negatives"],
    ) -> Float[Tensor, ""]:
        masked = masked.expand_as(negative)
        losses = losses_of(name, (positive, negative, masked), penalty)
        context.save_for_backward(positive, negative, masked, losses)
        context.name, context.penalty = name, penalty
        return losses.mean()

    @staticmethod
    def backward(context: Any, *gradients: Float[Tensor, ""]) -> tuple[Any, ...]:
        positive, negative, masked, losses = context.saved_tensors
        given = positive, negative, masked
        weights = (gradients[0] / len(losses)).expand(len(losses))
        found = gradients_of(context.name, given, losses, weights, context.penalty)
        return None, None, *found, None


def _in_loops(formula: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Have compiled loops compute what the formula says, where they are for that."""

    @wraps(formula)
    def loss(*given: P.args, **options: P.kwargs) -> Tensor:
        logits = cast(tuple[Tensor, Tensor, Tensor], given)
        if not is_compiled(*logits):
            return formula(*given, **options)
        penalty = options.get("penalty", 0.0)
        found: Tensor = cast(Any, _InLoops).apply(formula.__name__, penalty, *logits)
        return found

    return loss


@_in_loops
def bce(
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    masked: Bool[Tensor, "events negatives"],
) -> Float[Tensor, ""]:
    """Return the binary cross-entropy, with the mean over an event's negatives."""
    counted = (~masked).sum(1).clamp(min=1)
    negatives = softplus(negative).masked_fill(masked, 0).sum(1) / counted
    return (softplus(-positive) + negatives).mean()


@_in_loops
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


@_in_loops
def sampled_softmax(
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    masked: Bool[Tensor, "events negatives"],
) -> Float[Tensor, ""]:
    """Return the cross-entropy of the positive among its negatives (SSM).

    -log(exp(pos) / (exp(pos) + Σ exp(neg))).
    """
    logits = torch.cat([positive[:, None], negative.masked_fill(masked, -torch.inf)], 1)
    return (logits.logsumexp(1) - positive).mean()


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
