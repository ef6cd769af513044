"""What is minimised: a scalar from the logits of an event's positive and negatives.

Every loss has one signature. `positive` is [events], `negative` and `hit` are
[events, negatives]; a negative marked in `hit` is the target itself and does not count.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def sampled_softmax(
    positive: Float[Tensor, "events"],
    negative: Float[Tensor, "events negatives"],
    hit: Bool[Tensor, "events negatives"],
) -> Float[Tensor, ""]:
    """Return the cross-entropy of the positive among its negatives (SSM, section 2.2).

    The mean over the events.
    """
    logits = torch.cat([positive[:, None], negative.masked_fill(hit, -torch.inf)], 1)
    return cross_entropy(logits, torch.zeros_like(positive, dtype=torch.long))


LOSSES = {"sampled_softmax": sampled_softmax}
"""The loss functions by their names in `LossParams`."""
