"""Logits of targets and negatives, and the gradients they give: the cheaper way.

A few candidates of an event are multiplied where they lie, pair by pair (`PairLogits`).
Where they are a large part of the catalogue, one dense product of all events with all
items costs less (`CatalogueLogits`). Negatives that all events share are a dense
product of their own (`SharedLogits`), whose factors may be rounded to bfloat16 like
those of the former; those of a session are small ones, of some sessions at a time
(`tronrec.training.session_logits`). Otherwise all compute the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.ops.matmul import all_products, round_rows
from tronrec.ops.pair_products import candidate_products, weighted_sums
from tronrec.ops.scratch import Scratch
from tronrec.ops.session_gradient import Terms
from tronrec.ops.sparse_grad import UnsummedGradient
from tronrec.schemas import PADDING
from tronrec.training.hard_negatives import Negatives
from tronrec.training.session_logits import SessionLogits, split_sessions

DENSE = 10
"""Items of the catalogue for each candidate of an event, up to which the dense product
is the faster one: measured on two CPU cores, at size 200."""
EVENTS = 1024
"""Events multiplied with the catalogue at once, more than most batches have: memory is
so many scores an item."""


class CandidateLogits(Protocol):
    """Hidden states times the candidates of each event, forwards and backwards."""

    def forward(
        self, hidden: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its candidates."""
        ...

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        logit_gradients: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of hidden states and items, from those of the logits."""
        ...


@dataclass(frozen=True)
class PairLogits:
    """Candidates of each event alone, multiplied pair by pair."""

    table: Float[Tensor, "rows size"]
    item_ids: Int[Tensor, "events candidates"]

    def forward(
        self, hidden: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its candidates."""
        return candidate_products(hidden, self.table, self.item_ids)

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        logit_gradients: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of hidden states and items, from those of the logits."""
        events, count = self.item_ids.shape
        event = torch.arange(events, device=self.item_ids.device)
        of_items = UnsummedGradient(
            self.item_ids.view(-1),
            event.repeat_interleave(count),
            logit_gradients.view(-1),
            hidden,
        )
        return weighted_sums(self.table, self.item_ids, logit_gradients), of_items


@dataclass(frozen=True)
class CatalogueLogits:
    """The same logits, as columns of the product with the whole catalogue."""

    table: Float[Tensor, "rows size"]
    """Item vectors; factors and products are rounded to this precision."""
    item_ids: Int[Tensor, "events candidates"]
    scratch: Scratch = field(default_factory=Scratch)

    def forward(
        self, hidden: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its candidates."""
        logits = []
        for rows, item_ids in _split(hidden, self.item_ids):
            products = all_products(rows, self.table, self.scratch)
            logits.append(products.gather(1, item_ids))
        return torch.cat(logits).to(hidden.dtype)

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        logit_gradients: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of hidden states and items, from those of the logits."""
        table, of_hidden, of_table = self.table, [], []
        for rows, weights, item_ids in _split(hidden, logit_gradients, self.item_ids):
            spread = self.scratch.take(weights, len(rows), len(table)).zero_()
            spread.scatter_add_(1, item_ids, weights)
            of_rows, of_all = _product_gradients(rows, table, spread)
            of_hidden.append(of_rows)
            of_table.append(of_all)
        drawn = torch.zeros_like(table[:, 0], dtype=torch.bool)
        drawn.index_fill_(0, self.item_ids.view(-1), True)
        every = torch.arange(len(table), device=table.device)
        touched = torch.where(drawn, every, PADDING)
        of_items = UnsummedGradient.of_rows(touched, reduce(Tensor.add_, of_table))
        return torch.cat(of_hidden), of_items


@dataclass(frozen=True)
class SharedLogits:
    """Logits of candidates that are the same for all events."""

    item_ids: Int[Tensor, "candidates"]
    vectors: Float[Tensor, "candidates size"]
    """Their vectors; factors and products are rounded to this precision."""
    scratch: Scratch = field(default_factory=Scratch)

    @property
    def columns(self) -> int:
        """Candidates of an event."""
        return len(self.item_ids)

    def forward(
        self, hidden: Float[Tensor, "events size"], others: Float[Tensor, "events some"]
    ) -> Float[Tensor, "events more"]:
        """Return the products, then other logits, in memory that is soon used again."""
        joined = all_products(hidden, self.vectors, self.scratch, others.shape[1])
        joined = joined.to(others.dtype)
        joined[:, self.columns :] = others
        return joined

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        logit_gradients: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of hidden states and items, from those of the logits."""
        of_hidden, of_items = _product_gradients(hidden, self.vectors, logit_gradients)
        return of_hidden, UnsummedGradient.of_rows(self.item_ids, of_items)


def _split(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the same rows of all tensors, `EVENTS` at a time."""
    return zip(*(torch.split(rows, EVENTS) for rows in tensors), strict=True)


def _product_gradients(
    hidden: Float[Tensor, "events size"],
    vectors: Float[Tensor, "items size"],
    logit_gradients: Float[Tensor, "events items"],
) -> tuple[Float[Tensor, "events size"], Float[Tensor, "items size"]]:
    """Return the gradients of hidden states and vectors, from those of all products.

    Factors are rounded to the precision of the vectors.
    """
    factors = hidden, logit_gradients
    rows, weights = (round_rows(part, vectors.dtype) for part in factors)
    of_hidden = (weights @ vectors)[: len(hidden)]
    return of_hidden.to(hidden.dtype), (weights.T @ rows).to(hidden.dtype)


@dataclass(frozen=True)
class StepLogits:
    """All logits of a step: of each event's target and of its negatives."""

    per_event: CandidateLogits
    """The target, the first, and the negatives that the event has alone."""
    shared: SharedLogits | SessionLogits | None
    """The negatives of all events, or of sessions, which come before the others."""

    def forward(
        self, hidden: Float[Tensor, "events size"]
    ) -> tuple[Float[Tensor, "events"], Float[Tensor, "events negatives"]]:
        """Return the logits of targets and negatives."""
        logits = self.per_event.forward(hidden)
        positive, negative = logits[:, 0], logits[:, 1:]
        if self.shared is None:
            return positive, negative
        return positive, self.shared.forward(hidden, negative)

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        positive: Float[Tensor, "events"],
        negative: Float[Tensor, "events negatives"],
    ) -> tuple[Float[Tensor, "events size"], list[Terms]]:
        """Return the gradients of hidden states and items, from those of the logits.

        That of the items has a part for each kind of negatives.
        """
        count = 0 if self.shared is None else self.shared.columns
        weights = torch.cat([positive[:, None], negative[:, count:]], 1)
        of_hidden, of_items = self.per_event.backward(hidden, weights)
        if self.shared is None:
            return of_hidden, [of_items]
        more, of_shared = self.shared.backward(hidden, negative[:, :count])
        return of_hidden + more, [of_items, of_shared]


def choose_logits(
    table: Float[Tensor, "rows size"],
    targets: Int[Tensor, "events"],
    negatives: Negatives,
    scratch: Scratch,
    precision: torch.dtype | None = None,
) -> Iterator[tuple[slice, StepLogits]]:
    """Yield some events, and the logits of their targets and negatives.

    They are all events at once, or those of some sessions, whichever costs less. What
    was yielded is to be done with before the next is asked for.

    Args:
        table: Item vectors.
        targets: The item of each event.
        negatives: Its negatives.
        scratch: Memory for a dense product, or for the vectors of negatives.
        precision: What a dense product's factors are rounded to; None: not at all.
    """
    rounding, of_sessions = precision or table.dtype, negatives.of_sessions
    own = [targets[:, None], negatives.per_event]
    if of_sessions:
        drawn, session = of_sessions.item_ids, of_sessions.session
        dense = len(table) <= DENSE * (1 + negatives.masked.shape[1])
        if not dense:
            item_ids = torch.cat(own, 1)
            for events, of_some in split_sessions(table, drawn, session, scratch):
                yield events, StepLogits(PairLogits(table, item_ids[events]), of_some)
            return
        own.insert(1, drawn[session])
    item_ids = torch.cat(own, 1)
    per_event: CandidateLogits = PairLogits(table, item_ids)
    if len(table) <= DENSE * item_ids.shape[1]:
        per_event = CatalogueLogits(table.to(rounding), item_ids, scratch)
    shared = None
    if len(negatives.shared):
        vectors = table.index_select(0, negatives.shared).to(rounding)
        shared = SharedLogits(negatives.shared, vectors, scratch)
    yield slice(0, len(targets)), StepLogits(per_event, shared)
