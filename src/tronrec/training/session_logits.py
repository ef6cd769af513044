"""Logits of negatives that the events of a session share: a small product a session.

Pair by pair, the vector of a negative is read anew for each event of the session, from
anywhere in a table of gigabytes. Here a session's vectors are gathered once, and lie in
the cache while all its events are multiplied with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.ops.scratch import Scratch
from tronrec.ops.sparse_grad import UnsummedGradient


@dataclass(frozen=True)
class SessionLogits:
    """Logits of candidates that are the same for all events of a session."""

    table: Float[Tensor, "rows size"]
    item_ids: Int[Tensor, "sessions candidates"]
    session: Int[Tensor, "events"]
    """Number of each event's session, ascending from 0; no session is without one."""
    scratch: Scratch

    @property
    def columns(self) -> int:
        """Candidates of an event."""
        return self.item_ids.shape[1]

    def forward(
        self, hidden: Float[Tensor, "events size"]
    ) -> Float[Tensor, "events candidates"]:
        """Return the product of each hidden state with its candidates."""
        logits = hidden.new_empty(len(hidden), self.columns)
        for events, _, vectors in self._sessions(hidden):
            torch.mm(hidden[events], vectors.T, out=logits[events])
        return logits

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        logit_gradients: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], UnsummedGradient]:
        """Return the gradients of hidden states and items, from those of the logits."""
        of_hidden = torch.empty_like(hidden)
        of_items = hidden.new_empty(*self.item_ids.shape, hidden.shape[1])
        for events, number, vectors in self._sessions(hidden):
            weights = logit_gradients[events]
            torch.mm(weights, vectors, out=of_hidden[events])
            torch.mm(weights.T, hidden[events], out=of_items[number])
        rows = self.item_ids.view(-1), of_items.view(-1, hidden.shape[1])
        return of_hidden, UnsummedGradient.of_rows(*rows)

    def _sessions(self, like: Tensor) -> Iterator[tuple[slice, int, Tensor]]:
        """Yield the events of each session, its number, and the vectors it shares."""
        ends = torch.bincount(self.session).cumsum(0).tolist()
        vectors = self.scratch.take(like, self.columns, self.table.shape[1])
        for number, (begin, end) in enumerate(pairwise([0, *ends])):
            torch.index_select(self.table, 0, self.item_ids[number], out=vectors)
            yield slice(begin, end), number, vectors
