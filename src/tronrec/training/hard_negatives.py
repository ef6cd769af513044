"""Which of the drawn candidates an event is trained against (paper, section 2.1).

TRON keeps the k highest-scored of all its candidates; the other systems keep all. The
scores that decide are without gradient and may be coarse: the kept ones are scored
again, exactly and with gradient, by `tronrec.training.logits`.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tronrec.ops.hardest import Own, Shared, choose_hardest, choose_own
from tronrec.ops.matmul import coarse_products
from tronrec.ops.pair_products import candidate_products
from tronrec.ops.scratch import Scratch
from tronrec.ops.topk import lowest
from tronrec.sampling import Candidates


@dataclass(frozen=True)
class SessionNegatives:
    """Negatives that the events of a session share."""

    item_ids: Int[Tensor, "sessions negatives"]
    """Items of each session."""
    session: Int[Tensor, "events"]
    """Number of each event's session, ascending from 0."""


@dataclass(frozen=True)
class Negatives:
    """The negatives that are kept: those that events share come first."""

    shared: Int[Tensor, "shared"]
    """Items that every event has, where one draw serves the batch."""
    per_event: Int[Tensor, "events per_event"]
    """Items of each event."""
    masked: Bool[Tensor, "events negatives"]
    """What is no negative after all, such as the event's target; to be ignored."""
    of_sessions: SessionNegatives | None = None
    """Items that the events of each session have; none of all events beside them."""


def keep_all(candidates: Candidates) -> Negatives:
    """Return all candidates; a row that all events share stays a single row.

    So does one that the events of a session share, on a CPU. A GPU, which multiplies
    pairs at the rate of its memory, would have to wait for the lengths of sessions.
    """
    uniform, in_batch = candidates.uniform, candidates.in_batch_items
    masked = torch.cat([candidates.mask_uniform(), candidates.mask_in_batch()], 1)
    if candidates.is_shared:
        return Negatives(uniform.view(-1), in_batch, masked)
    none = uniform.new_empty(0)
    if candidates.is_of_sessions and uniform.shape[1] and not uniform.is_cuda:
        batch = candidates.batch
        drawn = uniform[batch.session[batch.layout.ends]]
        of_sessions = SessionNegatives(drawn, batch.layout.session)
        return Negatives(none, in_batch, masked, of_sessions)
    per_event = torch.cat([candidates.uniform_of_events, in_batch], 1)
    return Negatives(none, per_event, masked)


@dataclass(frozen=True)
class HardestNegatives:
    """Keeps the k highest-scored candidates of each event."""

    k: int
    """Negatives of an event."""
    search_dtype: torch.dtype
    """What factors are rounded to where candidates of a whole batch are compared. It
    decides which negatives are kept, never their logits."""
    products: Scratch = field(default_factory=Scratch)
    vectors: Scratch = field(default_factory=Scratch)

    @torch.no_grad()
    def choose(
        self,
        hidden: Float[Tensor, "events size"],
        table: Float[Tensor, "items size"],
        candidates: Candidates,
    ) -> Negatives:
        """Return the hardest negatives; where too few are drawn, some are masked.

        Args:
            hidden: Hidden state of each event.
            table: Item vectors.
            candidates: What was drawn.
        """
        own = _score_in_batch(hidden, table, candidates)
        if candidates.is_shared:
            shared = self._score_shared(hidden, table, candidates)
            targets = candidates.batch.clicks[candidates.batch.targets]
            hardest = choose_hardest(shared, own, targets, self.k)
        else:
            uniform = _score_each(hidden, table, candidates)
            hardest = choose_own((uniform, own), self.k)
        return Negatives(candidates.uniform.new_empty(0), *hardest)

    def _score_shared(
        self,
        hidden: Float[Tensor, "events size"],
        table: Float[Tensor, "items size"],
        candidates: Candidates,
    ) -> Shared:
        """Score the candidates that all events share; targets are not out yet.

        One product of all events with all candidates, in low precision.
        """
        items = candidates.uniform.view(-1)
        vectors = self.vectors.take(table, len(items), table.shape[1])
        torch.index_select(table, 0, items, out=vectors)
        scores, unit = coarse_products(
            hidden, vectors, self.search_dtype, self.products
        )
        if candidates.params.exclude_session:
            scores.masked_fill_(candidates.mask_uniform(), lowest(scores))
        return Shared(scores, unit.expand(len(scores), 1), items)


def _score_each(
    hidden: Float[Tensor, "events size"],
    table: Float[Tensor, "items size"],
    candidates: Candidates,
) -> Own:
    """Score the uniform candidates that each event has alone."""
    items = candidates.uniform_of_events
    scores = candidate_products(hidden, table, items)
    scores.masked_fill_(candidates.mask_uniform(), -torch.inf)
    return Own(scores, items)


def _score_in_batch(
    hidden: Float[Tensor, "events size"],
    table: Float[Tensor, "items size"],
    candidates: Candidates,
) -> Own:
    """Score the in-batch candidates of each event."""
    vectors = table.index_select(0, candidates.batch.clicks)
    scores = (hidden @ vectors.T).gather(1, candidates.in_batch)
    scores.masked_fill_(candidates.mask_in_batch(), -torch.inf)
    return Own(scores, candidates.in_batch_items)
