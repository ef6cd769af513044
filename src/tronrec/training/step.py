"""One training step: the paper's idea, from a batch to the gradients of all weights.

Read top-down, `Step.backward` is section 2 of the paper: encode the sessions, draw
negatives, keep the hardest, score them, and differentiate the loss. Members of an
ensemble do the last three each on columns of its own. The straightforward
step that computes the same with padding and autograd is `tests/reference/padded.py`.

Autograd is used above and below the logits only: it differentiates the loss with
respect to the few logits that were kept, and the encoder with respect to its inputs.
Between the two, the gradients of hidden states and items are written out
(`tronrec.training.logits`), so nothing of the catalogue's size is differentiated.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn.functional import pad

from tronrec.batches import Batch
from tronrec.losses import Loss
from tronrec.models.recommender import Recommender
from tronrec.ops.matmul import rows_to_fill
from tronrec.ops.scratch import Scratch
from tronrec.ops.session_gradient import ItemGradient, Terms, sum_terms
from tronrec.ops.sparse_grad import UnsummedGradient, side_by_side
from tronrec.sampling import Candidates, NegativeSampler
from tronrec.training.encoder_graphs import EncoderGraphs
from tronrec.training.hard_negatives import HardestNegatives, Negatives, keep_all
from tronrec.training.logits import choose_logits


@dataclass(frozen=True)
class Gradients:
    """What a batch says: its loss, detached, and the gradient of the item table.

    The encoder's gradients are left in its parameters.
    """

    loss: Float[Tensor, ""]
    of_items: ItemGradient


class _Scored(NamedTuple):
    """What the logits of a model, or of a member of an ensemble, say."""

    loss: Float[Tensor, ""]
    of_hidden: Float[Tensor, "events size"]
    of_items: list[Terms]


@dataclass(frozen=True)
class Step:
    """What turns a batch into gradients."""

    model: Recommender
    sampler: NegativeSampler
    hardest: HardestNegatives | None
    """Chooses the negatives that are kept; None: all are."""
    loss: Loss
    precision: torch.dtype | None = None
    """Of the encoder's products and of dense ones with items; None: the weights'."""
    graphs: EncoderGraphs | None = None
    """What encodes on a GPU; None: the model itself."""
    scratch: Scratch = field(default_factory=Scratch)

    def backward(self, batch: Batch, generator: Generator) -> Gradients:
        """Return the gradients of a batch; `generator` draws its negatives."""
        table = self.model.item_embeddings
        inputs, targets = batch.clicks[batch.inputs], batch.clicks[batch.targets]
        vectors = table.index_select(0, inputs).requires_grad_()
        encoded = self._encode(vectors, batch)
        hidden = encoded.detach()

        candidates = self.sampler.draw(batch, generator)
        every = None if self.hardest else keep_all(candidates)
        members = self.model.member_columns
        learned = []
        for columns in members:
            states, items = len(members) * hidden[:, columns], table[:, columns]
            negatives = every or self._keep_hardest(states, items, candidates)
            learned.append(self._score(states, items, targets, negatives))
        of_hidden = torch.cat([member.of_hidden for member in learned], 1)
        torch.autograd.backward(encoded, len(members) * of_hidden)
        assert vectors.grad is not None
        of_items = []
        for member, columns in zip(learned, members, strict=True):
            of_inputs = UnsummedGradient.of_rows(inputs, vectors.grad[:, columns])
            of_items.append(sum_terms([*member.of_items, of_inputs], len(table)))
        loss = torch.stack([member.loss for member in learned]).mean()
        if len(members) == 1:
            return Gradients(loss, *of_items)
        of_members = [part.summed() for part in of_items]
        same = every is not None
        return Gradients(
            loss, side_by_side(of_members, same_rows=same, rows=len(table))
        )

    def release(self) -> None:
        """Give memory back until the next batch, for whoever measures the model now."""
        self.scratch.release()
        if self.hardest:
            self.hardest.products.release()
            self.hardest.vectors.release()

    def _keep_hardest(
        self,
        hidden: Float[Tensor, "events size"],
        table: Float[Tensor, "rows size"],
        candidates: Candidates,
    ) -> Negatives:
        assert self.hardest is not None
        return self.hardest.choose(hidden, table, candidates)

    def _score(
        self,
        hidden: Float[Tensor, "events size"],
        table: Float[Tensor, "rows size"],
        targets: Int[Tensor, "events"],
        negatives: Negatives,
    ) -> _Scored:
        """Score targets and negatives, and differentiate the loss.

        It is a mean over the events, of which some may be scored at a time.
        """
        loss, of_hidden = hidden.new_zeros(()), torch.empty_like(hidden)
        of_items: list[Terms] = []
        ways = choose_logits(table, targets, negatives, self.scratch, self.precision)
        for events, logits in ways:
            states = hidden[events]
            positive, negative = (x.requires_grad_() for x in logits.forward(states))
            share = len(states) / len(hidden)
            part = share * self.loss(positive, negative, negatives.masked[events])
            of_logits = torch.autograd.grad(part, (positive, negative))
            of_hidden[events], terms = logits.backward(states, *of_logits)
            loss += part.detach()
            of_items += terms
        return _Scored(loss, of_hidden, of_items)

    def _encode(
        self, vectors: Float[Tensor, "events size"], batch: Batch
    ) -> Float[Tensor, "events wider"]:
        """Return the hidden state of each event, in the step's precision."""
        encode = self.graphs.encode if self.graphs else self.model.encode
        if self.precision is None:
            return encode(vectors, batch.layout)
        device = vectors.device.type
        rows = 0 if self.graphs else rows_to_fill(len(vectors))  # graphs fill up, too
        filled, layout = pad(vectors, (0, 0, 0, rows)), batch.layout.padded(rows)
        with torch.autocast(device, self.precision, cache_enabled=False):
            return encode(filled, layout)[: len(vectors)]
