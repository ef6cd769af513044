"""Logits of negatives that the events of a session share: a small product a session.

Pair by pair, the vector of a negative is read anew for each event of the session, from
anywhere in a table of gigabytes. Here the vectors of some sessions are gathered once,
and stay in the cache until their events are done with: with their logits, the loss, and
the gradient of the hidden states. That of the items is left in terms.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.ops.scratch import Scratch
from tronrec.ops.session_gradient import SessionTerms

AT_ONCE = 32_768
"""Vectors gathered at once, of a session at least: more no longer stay in a CPU's last
cache, and for fewer its cores meet too often."""


@dataclass(frozen=True)
class SessionLogits:
    """Logits of candidates that are the same for all events of a session."""

    item_ids: Int[Tensor, "sessions candidates"]
    vectors: Float[Tensor, "sessions candidates size"]
    """Their vectors."""
    lengths: list[int]
    """Events of each session; they follow one another."""

    @property
    def columns(self) -> int:
        """Candidates of an event."""
        return self.item_ids.shape[1]

    def forward(
        self, hidden: Float[Tensor, "events size"], others: Float[Tensor, "events some"]
    ) -> Float[Tensor, "events more"]:
        """Return the product of each hidden state with its candidates, then others."""
        logits = hidden.new_empty(len(hidden), self.columns + others.shape[1])
        logits[:, self.columns :] = others
        parts = self._split(hidden), self._split(logits[:, : self.columns])
        for states, out, vectors in zip(*parts, self.vectors, strict=True):
            torch.mm(states, vectors.T, out=out)
        return logits

    def backward(
        self,
        hidden: Float[Tensor, "events size"],
        logit_gradients: Float[Tensor, "events candidates"],
    ) -> tuple[Float[Tensor, "events size"], SessionTerms]:
        """Return the gradients of hidden states and items, from those of the logits."""
        of_hidden, weights = torch.empty_like(hidden), self._split(logit_gradients)
        parts = weights, self._split(of_hidden)
        for rows, out, vectors in zip(*parts, self.vectors, strict=True):
            torch.mm(rows, vectors, out=out)
        flat = torch.cat([rows.T.reshape(-1) for rows in weights])
        return of_hidden, SessionTerms(self.item_ids, flat, hidden, self.lengths)

    def _split(self, rows: Float[Tensor, "events columns"]) -> tuple[Tensor, ...]:
        """Return the rows of each session."""
        return torch.split(rows, self.lengths)


def split_sessions(
    table: Float[Tensor, "rows size"],
    item_ids: Int[Tensor, "sessions candidates"],
    session: Int[Tensor, "events"],
    scratch: Scratch,
) -> Iterator[tuple[slice, SessionLogits]]:
    """Yield the events of some sessions at a time, and their logits.

    Args:
        table: Item vectors.
        item_ids: Candidates of each session.
        session: Number of each event's session, ascending from 0, none left out.
        scratch: Memory for the vectors of some sessions.
    """
    lengths = torch.bincount(session).tolist()
    sessions, first = max(1, AT_ONCE // item_ids.shape[1]), 0
    for begin in range(0, len(lengths), sessions):
        some = slice(begin, begin + sessions)
        chosen = item_ids[some]
        vectors = scratch.take(table, chosen.numel(), table.shape[1])
        torch.index_select(table, 0, chosen.reshape(-1), out=vectors)
        events = slice(first, first + sum(lengths[some]))
        shaped = vectors.view(*chosen.shape, -1)
        yield events, SessionLogits(chosen, shaped, lengths[some])
        first = events.stop
