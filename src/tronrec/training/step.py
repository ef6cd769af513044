"""One training step: the paper's idea, from a batch to updated weights.

Autograd is used above and below the logits only: it differentiates the loss with
respect to the few logits that were kept, and the encoder with respect to its inputs.
Between the two, the gradient of hidden states and items is written out, so no tensor of
the size of the catalogue is ever differentiated.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from tronrec.batches import Batch
from tronrec.losses import Loss
from tronrec.models.recommender import Recommender
from tronrec.rows import (
    RowGradients,
    row_logits,
    sum_by_item,
    weighted_rows,
)
from tronrec.sampling import NegativeSampler


@dataclass(frozen=True)
class Gradients:
    """What a batch says: its loss, detached, and the gradient of the item table.

    The encoder's gradients are left in its parameters.
    """

    loss: Tensor
    items: RowGradients


def backward(
    model: Recommender,
    batch: Batch,
    sampler: NegativeSampler,
    loss_function: Loss,
    generator: Generator,
) -> Gradients:
    """Run a batch forwards and backwards."""
    items, targets = batch.clicks[batch.inputs], batch.clicks[batch.targets]
    vectors = model.items.index_select(0, items).requires_grad_()
    hidden = model.encode(vectors, batch.layout)
    states = hidden.detach()
    negatives = sampler.choose(states, model.items, batch, generator)

    candidates = torch.cat([targets[:, None], negatives.items], 1)
    logits = row_logits(states, model.items, candidates).requires_grad_()
    loss = loss_function(logits[:, 0], logits[:, 1:], negatives.hit)
    (weights,) = torch.autograd.grad(loss, logits)

    torch.autograd.backward(hidden, weighted_rows(model.items, candidates, weights))
    assert vectors.grad is not None
    events, count = candidates.shape
    event = torch.arange(events, device=candidates.device)
    gradients = sum_by_item(
        torch.cat([candidates.view(-1), items]),
        torch.cat([event.repeat_interleave(count), event + events]),
        torch.cat([weights.view(-1), torch.ones_like(weights[:, 0])]),
        torch.cat([states, vectors.grad]),
    )
    return Gradients(loss.detach(), gradients)
