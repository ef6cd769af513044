"""Logits of targets and negatives, and the gradients they give: the cheaper way.

A few candidates of an event are multiplied where they lie, pair by pair (`Scattered`).
Where they are a large part of the catalogue, one dense product of all events with all
items costs less (`Dense`). Negatives that all events share are a dense product of their
own (`Shared`). The factors of both may be rounded to bfloat16; otherwise all compute
the same.
"""

from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.precision import Scratch, all_products, rounded
from tronrec.rows import Terms, row_logits, split_rows, weighted_rows
from tronrec.sampling import Negatives
from tronrec.schemas import PADDING

DENSE = 10
"""Items of the catalogue for each candidate of an event, up to which the dense product
is the faster one: measured on two CPU cores, at size 200."""
EVENTS = 1024
"""Events multiplied with the catalogue at once, more than most batches have: memory is
so many scores an item."""


class CandidateProducts(Protocol):
    """Hidden states times the candidates of each event, forwards and backwards."""

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its candidates."""
        ...

    def gradients(
        self,
        states: Float[Tensor, "events size"],
        weights: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of states and items, from those of the logits."""
        ...


@dataclass(frozen=True)
class Scattered:
    """Candidates of their own for each event, multiplied pair by pair."""

    table: Float[Tensor, "rows size"]
    items: Int[Tensor, "events candidates"]

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its candidates."""
        return row_logits(states, self.table, self.items)

    def gradients(
        self,
        states: Float[Tensor, "events size"],
        weights: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of states and items, from those of the logits."""
        events, count = self.items.shape
        event = torch.arange(events, device=self.items.device)
        terms = Terms(
            self.items.view(-1),
            event.repeat_interleave(count),
            weights.view(-1),
            states,
        )
        return weighted_rows(self.table, self.items, weights), terms


@dataclass(frozen=True)
class Dense:
    """The same, as columns of the product with the whole catalogue."""

    table: Float[Tensor, "rows size"]
    """Item vectors; factors and products are rounded to this precision."""
    items: Int[Tensor, "events candidates"]
    scratch: Scratch = field(default_factory=Scratch)

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its candidates."""
        found = []
        for rows, own in split_rows(EVENTS, states, self.items):
            products = all_products(rows, self.table, self.scratch)
            found.append(products.gather(1, own))
        return torch.cat(found).to(states.dtype)

    def gradients(
        self,
        states: Float[Tensor, "events size"],
        weights: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of states and items, from those of the logits."""
        table, of_states, of_items = self.table, [], []
        for rows, weight, own in split_rows(EVENTS, states, weights, self.items):
            spread = self.scratch.take(weight, len(rows), len(table)).zero_()
            spread.scatter_add_(1, own, weight)
            of_rows, of_table = _gradients(rows, table, spread)
            of_states.append(of_rows)
            of_items.append(of_table)
        drawn = torch.zeros_like(table[:, 0], dtype=torch.bool)
        drawn.index_fill_(0, self.items.view(-1), True)
        every = torch.arange(len(table), device=table.device)
        items = torch.where(drawn, every, PADDING)
        terms = Terms.single(items, reduce(Tensor.add_, of_items))
        return torch.cat(of_states), terms


@dataclass(frozen=True)
class Shared:
    """Candidates that are the same for all events."""

    items: Int[Tensor, "candidates"]
    vectors: Float[Tensor, "candidates size"]
    """Their vectors; factors and products are rounded to this precision."""
    scratch: Scratch = field(default_factory=Scratch)

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the products as rounded, in memory that is soon used again."""
        return all_products(states, self.vectors, self.scratch)

    def gradients(
        self,
        states: Float[Tensor, "events size"],
        weights: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of states and items, from those of the logits."""
        of_states, of_items = _gradients(states, self.vectors, weights)
        return of_states, Terms.single(self.items, of_items)


def _gradients(
    states: Float[Tensor, "events size"],
    vectors: Float[Tensor, "items size"],
    weights: Float[Tensor, "events items"],
) -> tuple[Float[Tensor, "events size"], Float[Tensor, "items size"]]:
    """Return the gradients of states and vectors, from those of all their products.

    Factors are rounded to the precision of the vectors.
    """
    rows, weights = (rounded(part, vectors.dtype) for part in (states, weights))
    of_states = (weights @ vectors)[: len(states)]
    return of_states.to(states.dtype), (weights.T @ rows).to(states.dtype)


@dataclass(frozen=True)
class Products:
    """All logits of a step: of each event's target and of its negatives."""

    own: CandidateProducts
    """The target, the first, and the event's own negatives."""
    shared: Shared | None
    """The negatives of all events, which come before the others."""

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> tuple[Float[Tensor, "events"], Float[Tensor, "events negatives"]]:
        """Return the logits of targets and negatives."""
        own = self.own.logits(states)
        positive, own = own[:, 0], own[:, 1:]
        if self.shared is None:
            return positive, own
        products = self.shared.logits(states)
        count = products.shape[1]
        negative = own.new_empty(len(own), count + own.shape[1])
        negative[:, :count], negative[:, count:] = products, own
        return positive, negative

    def gradients(
        self,
        states: Float[Tensor, "events size"],
        positive: Float[Tensor, "events"],
        negative: Float[Tensor, "events negatives"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of states and items, from those of the logits."""
        count = 0 if self.shared is None else len(self.shared.items)
        weights = torch.cat([positive[:, None], negative[:, count:]], 1)
        of_states, terms = self.own.gradients(states, weights)
        if self.shared is not None:
            more, of_shared = self.shared.gradients(states, negative[:, :count])
            of_states, terms = of_states + more, terms + of_shared
        return of_states, terms


def choose_products(
    table: Float[Tensor, "rows size"],
    targets: Int[Tensor, "events"],
    negatives: Negatives,
    scratch: Scratch,
    precision: torch.dtype | None = None,
) -> Products:
    """Return the products of each event with its target and its negatives.

    Args:
        table: Item vectors.
        targets: The item of each event.
        negatives: Its negatives.
        scratch: Memory for a dense product.
        precision: What a dense product's factors are rounded to; None: not at all.
    """
    items = torch.cat([targets[:, None], negatives.own], 1)
    rounding, shared = precision or table.dtype, None
    own: CandidateProducts = Scattered(table, items)
    if len(table) <= DENSE * items.shape[1]:
        own = Dense(table.to(rounding), items, scratch)
    if len(negatives.shared):
        vectors = table.index_select(0, negatives.shared).to(rounding)
        shared = Shared(negatives.shared, vectors, scratch)
    return Products(own, shared)
