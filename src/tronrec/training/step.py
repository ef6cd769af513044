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
from tronrec.products import choose_products
from tronrec.rows import RowGradients, Terms, sum_by_item
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

    products = choose_products(model.items, targets, negatives.items, negatives.pool)
    logits = products.logits(states).requires_grad_()
    loss = loss_function(logits[:, 0], logits[:, 1:], negatives.hit)
    (weights,) = torch.autograd.grad(loss, logits)

    of_states, terms = products.gradients(states, weights)
    torch.autograd.backward(hidden, of_states)
    assert vectors.grad is not None
    terms += Terms.single(items, vectors.grad)
    return Gradients(loss.detach(), sum_by_item(terms))
