"""Negatives of an event: drawn, scored, and the hardest kept (paper, section 2.1).

A step has one *pool* of items: those drawn uniformly, then the clicks of the batch. A
candidate is a slot of the pool, so no item is embedded twice, and inputs, positives and
negatives are rows of one table.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from tronrec.batches import Batch
from tronrec.params import SamplingParams
from tronrec.schemas import PADDING

GROUP = 16
"""Candidates that are compared by their maximum first; see `hardest`."""


@dataclass(frozen=True)
class Negatives:
    """The negatives an event is trained against."""

    slots: Int[Tensor, "events negatives"]
    """Rows of the pool."""
    hit: Bool[Tensor, "events negatives"]
    """Where a negative is the event's own target: an accidental hit, to be ignored."""


def draw_uniform(
    count: int, num_items: int, generator: Generator
) -> Int[Tensor, "count"]:
    """Draw items from the whole catalogue, with replacement: one set for the batch."""
    first = PADDING + 1
    return torch.randint(
        first, first + num_items, (count,), generator=generator, device=generator.device
    )


def draw_in_batch(
    lengths: Int[Tensor, "sessions"], count: int, generator: Generator
) -> Int[Tensor, "sessions {count}"]:
    """Draw rows of `Batch.clicks`, for each session from those of the other sessions.

    Every click of the others is equally likely, so items come by their frequency. The
    batch must have two sessions at least.
    """
    ends = lengths.cumsum(0)[:, None]
    own = lengths[:, None]
    others = ends[-1:] - own
    size = (len(lengths), count)
    share = torch.rand(
        size, generator=generator, device=generator.device, dtype=torch.float64
    )
    row = (share * others).long()
    return row + own * (row >= ends - own)


def hardest(
    scores: Float[Tensor, "events candidates"], k: int
) -> tuple[Float[Tensor, "events {k}"], Int[Tensor, "events {k}"]]:
    """Return the k largest scores of each row and their columns, in no order.

    Exact, as `torch.topk`, and faster on wide rows: a value among the k largest lies in
    a group whose maximum is among the k largest maxima, so only those groups are
    searched.
    """
    events, candidates = scores.shape
    groups = candidates // GROUP
    if groups * GROUP != candidates or groups < 2 * k:
        top = scores.topk(k, dim=1, sorted=False)
        return top.values, top.indices
    maxima = scores.view(events, GROUP, groups).amax(1)
    best = maxima.topk(k, dim=1, sorted=False).indices
    member = torch.arange(GROUP, device=scores.device)[:, None] * groups
    columns = (best[:, None, :] + member).view(events, -1)
    top = scores.gather(1, columns).topk(k, dim=1, sorted=False)
    return top.values, columns.gather(1, top.indices)


def forget_hits(
    scores: Float[Tensor, "events items"],
    items: Int[Tensor, "items"],
    targets: Int[Tensor, "events"],
) -> None:
    """Set the scores of each event's own target to -inf, in place.

    A CPU looks the few hits up; a GPU compares all pairs rather than wait for their
    number.
    """
    if scores.is_cuda:
        scores.masked_fill_(items == targets[:, None], -torch.inf)
        return
    ordered, order = items.sort()
    first = torch.searchsorted(ordered, targets)
    counts = torch.searchsorted(ordered, targets, right=True) - first
    event = torch.arange(len(targets)).repeat_interleave(counts)
    place = torch.arange(len(event)) - (counts.cumsum(0) - counts)[event]
    scores[event, order[first[event] + place]] = -torch.inf


class NegativeSampler:
    """Uniform negatives of the batch and in-batch negatives of each session."""

    def __init__(self, params: SamplingParams, score_dtype: torch.dtype) -> None:
        """Keep the numbers.

        Args:
            params: How many negatives of each kind, and how many of them to keep.
            score_dtype: Precision in which candidates are compared. It decides which
                negatives are kept, never their logits.
        """
        self.params = params
        self.score_dtype = score_dtype

    @torch.no_grad()
    def choose(
        self,
        hidden: Float[Tensor, "events size"],
        pool_items: Int[Tensor, "pool"],
        pool: Float[Tensor, "pool size"],
        batch: Batch,
        generator: Generator,
    ) -> Negatives:
        """Draw the in-batch negatives, and keep the hardest of both kinds.

        Args:
            hidden: Hidden state of each event.
            pool_items: The uniform negatives of the batch, then `batch.clicks`.
            pool: Their vectors.
            batch: The sessions.
            generator: Source of the draws, on the batch's device.
        """
        uniform, top_k = self.params.uniform, self.params.top_k
        targets = batch.clicks[batch.targets]
        drawn = draw_in_batch(batch.lengths, self.params.in_batch, generator)
        in_batch = (uniform + drawn)[batch.layout.session]
        if top_k is None:
            every = torch.arange(uniform, device=pool.device).expand(len(batch), -1)
            slots = torch.cat([every, in_batch], 1)
            return Negatives(slots, pool_items[slots] == targets[:, None])
        hidden, pool = hidden.to(self.score_dtype), pool.to(self.score_dtype)
        scores = hidden @ pool[:uniform].T
        forget_hits(scores, pool_items[:uniform], targets)
        best, slots = hardest(scores, min(top_k, uniform))
        scores = (hidden @ pool[uniform:].T).gather(1, in_batch - uniform)
        scores.masked_fill_(pool_items[in_batch] == targets[:, None], -torch.inf)
        best, column = hardest(torch.cat([best, scores], 1), top_k)
        return Negatives(
            torch.cat([slots, in_batch], 1).gather(1, column), best == -torch.inf
        )
