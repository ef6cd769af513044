"""One training step: the paper's idea, from a batch to updated weights.

Autograd is used above and below the logits only: it differentiates the loss with
respect to the few logits that were kept, and the encoder with respect to its inputs.
Between the two, the gradient of hidden states and items is written out, so no tensor of
the size of the catalogue is ever differentiated.
"""

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from tronrec.batches import Batch
from tronrec.losses import Loss
from tronrec.models.recommender import Recommender
from tronrec.precision import Scratch, missing_rows
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


@dataclass(frozen=True)
class Step:
    """What turns a batch into gradients."""

    model: Recommender
    sampler: NegativeSampler
    loss: Loss
    precision: torch.dtype | None = None
    """Of the encoder's products and of dense ones with items; None: the weights'."""
    scratch: Scratch = field(default_factory=Scratch)

    def backward(self, batch: Batch, generator: Generator) -> Gradients:
        """Run a batch forwards and backwards; `generator` draws the negatives."""
        table = self.model.items
        items, targets = batch.clicks[batch.inputs], batch.clicks[batch.targets]
        vectors = table.index_select(0, items).requires_grad_()
        hidden = self._encode(vectors, batch)
        states = hidden.detach()
        negatives = self.sampler.choose(states, table, batch, generator)

        products = choose_products(
            table, targets, negatives, self.scratch, self.precision
        )
        logits = products.logits(states)
        positive, negative = (part.requires_grad_() for part in logits)
        loss = self.loss(positive, negative, negatives.hit)
        of_logits = torch.autograd.grad(loss, (positive, negative))

        of_states, terms = products.gradients(states, *of_logits)
        torch.autograd.backward(hidden, of_states)
        assert vectors.grad is not None
        terms += Terms.single(items, vectors.grad)
        return Gradients(loss.detach(), sum_by_item(terms))

    def _encode(self, vectors: Tensor, batch: Batch) -> Tensor:
        """Return the hidden state of each event."""
        if self.precision is None:
            return self.model.encode(vectors, batch.layout)
        rows = missing_rows(len(vectors))
        filled, layout = pad(vectors, (0, 0, 0, rows)), batch.layout.filled(rows)
        with torch.autocast(vectors.device.type, self.precision):
            return self.model.encode(filled, layout)[: len(vectors)]
