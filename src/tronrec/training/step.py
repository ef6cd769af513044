"""One training step: the paper's idea, from a batch to updated weights.

Autograd is used above and below the logits only: it differentiates the loss with
respect to the few logits that were kept, and the encoder with respect to its inputs.
Between the two, the gradient of hidden states and items is written out, so no tensor of
the size of the pool or the catalogue is ever differentiated.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from tronrec.batches import Batch
from tronrec.models.recommender import Recommender
from tronrec.rows import (
    RowGradients,
    row_logits,
    sum_by_item,
    weighted_rows,
)
from tronrec.sampling import NegativeSampler, draw_uniform

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


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
    uniform = draw_uniform(sampler.params.uniform, model.num_items, generator)
    pool_items = torch.cat([uniform, batch.clicks])
    pool = model.items.index_select(0, pool_items)
    inputs, targets = batch.inputs + len(uniform), batch.targets + len(uniform)

    vectors = pool[inputs].requires_grad_()
    hidden = model.encoder(vectors, batch.layout)
    states = hidden.detach()
    negatives = sampler.choose(states, pool_items, pool, batch, generator)

    slots = torch.cat([targets[:, None], negatives.slots], 1)
    logits = row_logits(states, pool, slots).requires_grad_()
    loss = loss_function(logits[:, 0], logits[:, 1:], negatives.hit)
    (weights,) = torch.autograd.grad(loss, logits)

    hidden.backward(weighted_rows(pool, slots, weights))
    assert vectors.grad is not None
    events, candidates = slots.shape
    event = torch.arange(events, device=slots.device)
    gradients = sum_by_item(
        torch.cat([pool_items[slots].view(-1), pool_items[inputs]]),
        torch.cat([event.repeat_interleave(candidates), event + events]),
        torch.cat([weights.reshape(-1), torch.ones_like(weights[:, 0])]),
        torch.cat([states, vectors.grad]),
    )
    return Gradients(loss.detach(), gradients)
