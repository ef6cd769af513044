"""The gradient of items that the events of a session share, summed as it is needed.

A session's events have thousands of negatives in common. The gradient of one is a sum
over the events: its weight for each of them times their hidden states. Written out,
these rows are as large as half the item table. Here they are summed some thousand at a
time, in the order of items, and an optimiser moves these before the next are summed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.ops.compiled import compiled, in_parts, prefetch
from tronrec.ops.sparse_grad import SparseGradient, UnsummedGradient, sum_by_item

SLAB = 16_384
"""Rows summed at once: their gradients stay in a CPU's last cache."""
AHEAD = 8
"""Terms whose weights are on their way while one is summed."""


@dataclass(frozen=True)
class SessionTerms:
    """Terms of the items' gradient from sessions whose events share their candidates.

    Item i of a session has the sum of `weight[i, j] * hidden[j]` over its events j.
    """

    item_ids: Int[Tensor, "sessions candidates"]
    weights: Float[Tensor, "weights"]
    """Those of each session, [candidates, events], one session after the other."""
    hidden: Float[Tensor, "events size"]
    lengths: list[int]
    """Events of each session; they follow one another."""


Terms = UnsummedGradient | SessionTerms


@dataclass(frozen=True)
class SessionGradient:
    """The gradient of the item table, of sessions and of other terms together."""

    sessions: Sequence[SessionTerms]
    """All with the same number of candidates."""
    others: SparseGradient

    @property
    def item_ids(self) -> Int[Tensor, "rows"]:
        """The touched rows of the table, each once, ascending."""
        return self._runs[0]

    @cached_property
    def _runs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Touched rows, all terms in their order, and where the terms of each begin.

        Terms are numbered: those of the sessions first, one for each candidate.
        """
        item_ids = [part.item_ids.view(-1) for part in self.sessions]
        ordered, terms = torch.cat([*item_ids, self.others.item_ids]).sort(stable=True)
        touched, counts = torch.unique_consecutive(ordered, return_counts=True)
        return touched, terms, torch.cat([counts.new_zeros(1), counts.cumsum(0)])

    def slabs(self) -> Iterator[SparseGradient]:
        """Yield the gradient of some rows at a time; the next takes their memory."""
        touched, terms, begins = self._runs
        lengths = [length for part in self.sessions for length in part.lengths]
        candidates = self.sessions[0].item_ids.shape[1]
        given = (
            *(terms, begins, self.others.values.contiguous()),
            torch.tensor([0, *lengths]).cumsum(0),
            torch.cat([part.weights for part in self.sessions]),
            torch.cat([part.hidden for part in self.sessions]),
        )
        arrays = tuple(tensor.numpy() for tensor in given)
        values = self.others.values.new_empty(
            min(SLAB, len(touched)), given[-1].shape[1]
        )
        for first in range(0, len(touched), SLAB):
            rows = touched[first : first + SLAB]
            summed = values[: len(rows)]
            add = partial(_sum_terms, summed.numpy(), arrays, (candidates, first))
            in_parts(add, len(rows), torch.get_num_threads())
            yield SparseGradient(rows, summed)

    def summed(self) -> SparseGradient:
        """Return the gradient of all rows at once."""
        values = torch.cat([slab.values.clone() for slab in self.slabs()])
        return SparseGradient(self.item_ids, values)


ItemGradient = SparseGradient | SessionGradient
"""The gradient of the item table, summed already or when it is needed."""


def sum_terms(parts: Sequence[Terms], rows: int | None = None) -> ItemGradient:
    """Return the gradient of the item table, of so many rows, from all its terms."""
    of_sessions = [part for part in parts if isinstance(part, SessionTerms)]
    others = [part for part in parts if isinstance(part, UnsummedGradient)]
    summed = sum_by_item(*others, rows=rows)
    return SessionGradient(of_sessions, summed) if of_sessions else summed


@compiled
def _sum_terms(values: Any, arrays: Any, numbers: Any, low: int, high: int) -> None:
    """Write the sums of rows `first + low` to `first + high`."""
    terms, begins, others, starts, weights, hidden = arrays
    candidates, first = numbers
    of_sessions = (len(starts) - 1) * candidates
    for row in range(low, high):
        total = values[row]
        total[:] = 0
        for place in range(begins[first + row], begins[first + row + 1]):
            later = terms[min(place + AHEAD, len(terms) - 1)]
            if later < of_sessions:
                _, _, begin, end = _find_weights(later, candidates, starts)
                prefetch(weights, begin)
                prefetch(weights, end - 1)
            term = terms[place]
            if term < of_sessions:
                event, until, begin, end = _find_weights(term, candidates, starts)
                _add_states(total, weights[begin:end], hidden[event:until])
            else:
                total += others[term - of_sessions]


@compiled
def _find_weights(term: int, candidates: int, starts: Any) -> tuple[int, int, int, int]:
    """Return the events of a session's term, from and to, and where its weights are."""
    session = term // candidates
    column = term - session * candidates
    event, until = starts[session], starts[session + 1]
    begin = event * candidates + column * (until - event)
    return event, until, begin, begin + until - event


@compiled
def _add_states(total: Any, weights: Any, hidden: Any) -> None:
    """Add the weighted sum of hidden states, of four at a time."""
    events, size = hidden.shape
    fours = events - events % 4
    for event in range(0, fours, 4):
        a, b = weights[event], weights[event + 1]
        c, d = weights[event + 2], weights[event + 3]
        of_a, of_b = hidden[event], hidden[event + 1]
        of_c, of_d = hidden[event + 2], hidden[event + 3]
        for i in range(size):
            total[i] += (a * of_a[i] + b * of_b[i]) + (c * of_c[i] + d * of_d[i])
    for event in range(fours, events):
        weight, state = weights[event], hidden[event]
        for i in range(size):
            total[i] += weight * state[i]
