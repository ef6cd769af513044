"""Logits of negatives that the events of a session share: a small product a session.

Pair by pair, the vector of a negative is read anew for each event of the session, from
anywhere in a table of gigabytes. Here a session's vectors are gathered once, and lie in
the cache while all its events are multiplied with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.ops.scratch import Scratch
from tronrec.ops.sparse_grad import UnsummedGradient

AT_ONCE = 1024
"""Candidates gathered at once, so that their vectors stay in a CPU's cache."""


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
        for _, events, some, vectors in self._gathered(hidden):
            torch.mm(hidden[events], vectors.T, out=logits[events, some])
        return logits

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        logit_gradients: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], UnsummedGradient]:
        """Return the gradients of hidden states and items, from those of the logits."""
        of_hidden = torch.zeros_like(hidden)
        of_items = hidden.new_empty(*self.item_ids.shape, hidden.shape[1])
        for number, events, some, vectors in self._gathered(hidden):
            weights = logit_gradients[events, some]
            of_hidden[events].addmm_(weights, vectors)
            torch.mm(weights.T, hidden[events], out=of_items[number, some])
        rows = self.item_ids.view(-1), of_items.view(-1, hidden.shape[1])
        return of_hidden, UnsummedGradient.of_rows(*rows)

    def _gathered(self, like: Tensor) -> Iterator[tuple[int, slice, slice, Tensor]]:
        """Yield sessions with some of their candidates at a time.

        Each is the session's number, its events, which candidates, and their vectors.
        """
        ends = torch.bincount(self.session).cumsum(0).tolist()
        for number, events in enumerate(map(slice, [0, *ends], ends)):
            for begin in range(0, self.columns, AT_ONCE):
                some = slice(begin, min(begin + AT_ONCE, self.columns))
                items = self.item_ids[number, some]
                vectors = self.scratch.take(like, len(items), self.table.shape[1])
                torch.index_select(self.table, 0, items, out=vectors)
                yield number, events, some, vectors
