"""Logits of each event's candidates, and the gradients they give: the cheaper way.

A few candidates are multiplied where they lie, pair by pair (`Scattered`). Where events
share most candidates, because they are drawn once for the batch or are a large part of
the catalogue, one dense product of all events with a pool of items costs less
(`Pooled`). Both compute the same in the precision of the table.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.rows import Terms, row_logits, weighted_rows
from tronrec.schemas import PADDING

DENSE = 10
"""Items of the pool for each candidate of an event, up to which the dense product is
the faster one: measured on two CPU cores, at size 200."""
EVENTS = 128
"""Events multiplied with the pool at once: memory is so many scores an item."""


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
    columns: Int[Tensor, "events candidates"]

    def logits(
        self, states: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its own candidates."""
        parts = (torch.split(rows, EVENTS) for rows in (states, self.columns))
        found = [
            (part @ self.vectors.T).gather(1, own)
            for part, own in zip(*parts, strict=True)
        ]
        return torch.cat(found)

    def gradients(
        self,
        states: Float[Tensor, "events size"],
        weights: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], Terms]:
        """Return the gradients of states and items, from those of the logits."""
        of_states, of_items = [], torch.zeros_like(self.vectors)
        parts = (torch.split(rows, EVENTS) for rows in (states, weights, self.columns))
        for part, weight, own in zip(*parts, strict=True):
            spread = part.new_zeros(len(part), len(self.pool))
            spread.scatter_add_(1, own, weight)
            of_states.append(spread @ self.vectors)
            of_items.addmm_(spread.T, part)
        touched = (of_items != 0).any(1)
        items = torch.where(touched, self.pool, PADDING)
        return torch.cat(of_states), Terms.single(items, of_items)


@dataclass(frozen=True)
class Pool:
    """Items of which each event's candidates are some."""

    items: Int[Tensor, "pool"]
    targets: Int[Tensor, "events"]
    """The column of each event's target."""
    negatives: Int[Tensor, "events negatives"]
    """The columns of its negatives."""


def choose_products(
    table: Float[Tensor, "rows size"],
    targets: Int[Tensor, "events"],
    negatives: Int[Tensor, "events negatives"],
    pool: Pool | None,
) -> Products:
    """Return the products of each event with its target, the first, and negatives.

    Args:
        table: Item vectors.
        targets: The item of each event.
        negatives: Its negatives.
        pool: The items they were taken from, if not all of the table.
    """
    size = len(table) if pool is None else len(pool.items)
    dense = size <= DENSE * (1 + negatives.shape[1])
    if dense and pool is not None:
        columns = torch.cat([pool.targets[:, None], pool.negatives], 1)
        return Pooled(pool.items, table.index_select(0, pool.items), columns)
    items = torch.cat([targets[:, None], negatives], 1)
    if dense:
        return Pooled(torch.arange(size, device=table.device), table, items)
    return Scattered(table, items)
