"""Logits of each event's candidates, and the gradients they give: the cheaper way.

A few candidates are multiplied where they lie, pair by pair (`Scattered`). Where events
share most candidates, because they are drawn once for the batch or are a large part of
the catalogue, one dense product of all events with a pool of items costs less
(`Pooled`), and its factors may be rounded to bfloat16. Otherwise both compute the same.
"""

from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.precision import Scratch, all_products, fill_up
from tronrec.rows import Terms, row_logits, split_rows, weighted_rows
from tronrec.sampling import Negatives
from tronrec.schemas import PADDING

DENSE = 10
"""Items of the pool for each candidate of an event, up to which the dense product is
the faster one: measured on two CPU cores, at size 200."""
EVENTS = 1024
"""Events multiplied with the pool at once, more than most batches have: memory is so
many scores an item."""


class Products(Protocol):
    """Hidden states times the candidates of each event, forwards and backwards."""

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its own candidates."""
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
    """Candidates of their own for each event."""

    table: Float[Tensor, "rows size"]
    items: Int[Tensor, "events candidates"]

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its own candidates."""
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
class Pooled:
    """Candidates that are columns of one pool of items."""

    pool: Int[Tensor, "pool"]
    """The items of the pool; one may stand there more than once."""
    vectors: Float[Tensor, "pool size"]
    """Their vectors; factors and products are rounded to this precision."""
    columns: Int[Tensor, "events candidates"]
    scratch: Scratch = field(default_factory=Scratch)

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its own candidates."""
        vectors, found = self.vectors, []
        for rows, own in split_rows(EVENTS, states, self.columns):
            products = all_products(rows.to(vectors.dtype), vectors, self.scratch)
            found.append(products.gather(1, own))
        return torch.cat(found).to(states.dtype)

    def gradients(
        self,
        states: Float[Tensor, "events size"],
        weights: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of states and items, from those of the logits."""
        vectors, of_states, of_items = self.vectors, [], []
        for rows, weight, own in split_rows(EVENTS, states, weights, self.columns):
            filled = fill_up(rows.to(vectors.dtype))
            spread = self.scratch.take(weight, len(filled), len(vectors)).zero_()
            spread = spread.scatter_add_(1, own, weight).to(vectors.dtype)
            of_states.append((spread @ vectors)[: len(rows)])
            of_items.append((spread.T @ filled).to(states.dtype))
        drawn = torch.zeros_like(self.pool, dtype=torch.bool)
        drawn[self.columns.view(-1)] = True
        items = torch.where(drawn, self.pool, PADDING)
        terms = Terms.single(items, reduce(Tensor.add_, of_items))
        return torch.cat(of_states).to(states.dtype), terms


def choose_products(
    table: Float[Tensor, "rows size"],
    targets: Int[Tensor, "events"],
    negatives: Negatives,
    scratch: Scratch,
    precision: torch.dtype | None = None,
) -> Products:
    """Return the products of each event with its target, the first, and negatives.

    Args:
        table: Item vectors.
        targets: The item of each event.
        negatives: Its negatives.
        scratch: Memory for a dense product.
        precision: What a dense product's factors are rounded to; None: not at all.
    """
    pool, drawn = negatives.pool, negatives.items
    size = len(table) if pool is None else len(pool.items)
    dense = size <= DENSE * (1 + drawn.shape[1])
    rounding = precision or table.dtype
    if dense and pool is not None:
        columns = torch.cat([pool.targets[:, None], pool.negatives], 1)
        vectors = table.index_select(0, pool.items).to(rounding)
        return Pooled(pool.items, vectors, columns, scratch)
    items = torch.cat([targets[:, None], drawn], 1)
    if dense:
        every = torch.arange(size, device=table.device)
        return Pooled(every, table.to(rounding), items, scratch)
    return Scattered(table, items)
