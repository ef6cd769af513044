"""Negatives of an event: drawn, scored, and the hardest kept (paper, section 2.1).

Uniform negatives are items of the whole catalogue, in-batch negatives are clicks of the
other sessions of the batch, so popular items come up more often, as they do in draws
from all training clicks (frequency). Each kind is drawn anew for every event
(elementwise), session (sessionwise) or batch (batchwise). An event's own target is
never a negative: where it is drawn, it is an accidental hit and masked.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from tronrec.batches import Batch
from tronrec.params import Granularity, SamplingParams
from tronrec.precision import Scratch, compared_products
from tronrec.rows import row_logits
from tronrec.schemas import PADDING

GROUP = 4
"""Candidates that are compared by their maximum first; see `hardest`."""
REDRAWS = 8
"""Times that an item of the session is replaced by a new draw before it is masked."""


@dataclass(frozen=True)
class Negatives:
    """The negatives an event is trained against: those of all events, then its own."""

    shared: Int[Tensor, "shared"]
    """Items that every event has, where one draw serves the batch."""
    own: Int[Tensor, "events own"]
    """Items of each event."""
    hit: Bool[Tensor, "events negatives"]
    """What is no negative after all, such as the event's own target; to be ignored."""


def draw_uniform(
    shape: tuple[int, ...], num_items: int, generator: Generator
) -> Int[Tensor, "..."]:
    """Draw items from the whole catalogue, with replacement."""
    first = PADDING + 1
    return torch.randint(
        first, first + num_items, shape, generator=generator, device=generator.device
    )


def draw_in_batch(
    lengths: Int[Tensor, "sessions"],
    session: Int[Tensor, "rows"],
    count: int,
    generator: Generator,
) -> Int[Tensor, "rows {count}"]:
    """Draw rows of `Batch.clicks` from those of the other sessions.

    Every click of the others is equally likely, so items come by their frequency. The
    batch must have two sessions at least.

    Args:
        lengths: Clicks of each session of the batch.
        session: The session for which each row of the result is drawn.
        count: Draws for each.
        generator: Source of the draws, on the device of the lengths.
    """
    ends = lengths.cumsum(0)
    own, begin = lengths[session, None], (ends - lengths)[session, None]
    share = torch.rand(
        (len(session), count),
        generator=generator,
        device=generator.device,
        dtype=torch.float64,
    )
    row = (share * (ends[-1] - own)).long()
    return row + own * (row >= begin)


def lowest(scores: Shaped[Tensor, "..."]) -> float:
    """Return the score of what must not be chosen, which no product has."""
    dtype = scores.dtype
    return -torch.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def comparable(scores: Shaped[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Return whole numbers in the same order, which are compared faster.

    The bits of a float are those of a whole number that grows with it, or that falls
    while it is negative.
    """
    if not scores.is_floating_point():
        return scores
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[scores.element_size()]
    bits, largest = scores.view(whole), torch.iinfo(whole).max
    return bits ^ ((bits >> (8 * scores.element_size() - 1)) & largest)


def hardest(
    scores: Shaped[Tensor, "events candidates"], k: int
) -> tuple[Shaped[Tensor, "events {k}"], Int[Tensor, "events {k}"]]:
    """Return the k largest scores of each row and their columns, in no order.

    Exact, as `torch.topk`, and faster on wide rows: a value among the k largest lies in
    a group whose maximum is among the k largest maxima, which are found the same way;
    only those groups are searched.
    """
    events, candidates = scores.shape
    groups = candidates // GROUP
    if groups * GROUP != candidates or groups <= 2 * k:
        column = comparable(scores).topk(k, dim=1, sorted=False).indices
        return scores.gather(1, column), column
    parts = scores.view(events, GROUP, groups)
    _, best = hardest(parts.amax(1), k)
    found = parts.gather(2, best[:, None].expand(-1, GROUP, -1)).view(events, -1)
    place = comparable(found).topk(k, dim=1, sorted=False).indices
    return found.gather(1, place), best.gather(1, place % k) + place // k * groups


def forget_hits(
    scores: Shaped[Tensor, "events items"],
    items: Int[Tensor, "items"],
    targets: Int[Tensor, "events"],
) -> None:
    """Set the scores of each event's own target to the lowest, in place.

    A CPU looks the few hits up. A GPU compares all pairs, and need not wait for their
    number.
    """
    if scores.is_cuda:
        scores.masked_fill_(items == targets[:, None], lowest(scores))
        return
    ordered, order = targets.sort()
    first = torch.searchsorted(ordered, items)
    is_hit = ordered[first.clamp(max=len(ordered) - 1)] == items
    [hits] = is_hit.nonzero(as_tuple=True)
    counts = torch.searchsorted(ordered, items[hits], right=True) - first[hits]
    column, begin = hits.repeat_interleave(counts), counts.cumsum(0) - counts
    place = torch.arange(len(column)) - begin.repeat_interleave(counts)
    scores[order[first[column] + place], column] = lowest(scores)


class NegativeSampler:
    """Draws the negatives of a batch, and keeps the hardest of them."""

    def __init__(
        self,
        params: SamplingParams,
        score_dtype: torch.dtype,
        clicks: Int[Tensor, "clicks"] | None = None,
    ) -> None:
        """Keep the numbers.

        Args:
            params: How many negatives of each kind, and how many of them to keep.
            score_dtype: What factors are rounded to where candidates of a whole batch
                are compared. It decides which negatives are kept, never their logits.
            clicks: Items of all training clicks; needed to draw by frequency.
        """
        if params.frequency and clicks is None:
            raise ValueError("no clicks to draw from by frequency")
        self.clicks = clicks
        self.params = params
        self.score_dtype = score_dtype
        self.scratch, self.vectors = Scratch(), Scratch()

    @torch.no_grad()
    def choose(
        self,
        hidden: Float[Tensor, "events size"],
        table: Float[Tensor, "items size"],
        batch: Batch,
        generator: Generator,
    ) -> Negatives:
        """Return the negatives of each event.

        Args:
            hidden: Hidden state of each event.
            table: Item vectors.
            batch: The sessions.
            generator: Source of the draws, on the batch's device.
        """
        uniform = self._draw_uniform(len(table) - 1, batch, generator)
        rows = self._draw_in_batch(batch, generator)
        none = uniform.new_empty(0)
        if self.params.top_k is None:
            own = batch.clicks[rows]
            hit = self._uniform_hits(uniform, batch), self._in_batch_hits(rows, batch)
            shared = none
            if self.params.uniform_granularity == "batchwise":
                [shared] = uniform
            else:
                own = torch.cat([uniform, own], 1)
            return Negatives(shared, own, torch.cat(hit, 1))
        kinds = (
            self._best_uniform(hidden, table, uniform, batch),
            self._in_batch(hidden, table, rows, batch),
        )
        scores = torch.cat([scores for scores, _ in kinds], 1)
        best, column = hardest(scores, self.params.top_k)
        items = torch.cat([items for _, items in kinds], 1).gather(1, column)
        return Negatives(none, items, best == -torch.inf)

    def _draw_uniform(
        self, num_items: int, batch: Batch, generator: Generator
    ) -> Int[Tensor, "rows uniform"]:
        """Return the uniform draws of each event, or the one row that all share."""
        owners = _owners(batch, self.params.uniform_granularity)
        drawn = self._draw(len(owners), num_items, generator)
        if (
            self.params.exclude_session
            and self.params.uniform_granularity != "batchwise"
        ):
            for _ in range(REDRAWS):
                again = self._draw(len(owners), num_items, generator)
                drawn = torch.where(batch.holds(owners, drawn), again, drawn)
        return _spread(drawn, batch, self.params.uniform_granularity)

    def _draw(
        self, rows: int, num_items: int, generator: Generator
    ) -> Int[Tensor, "{rows} drawn"]:
        """Draw items of the whole catalogue, and by frequency."""
        uniform = draw_uniform((rows, self.params.uniform), num_items, generator)
        if self.clicks is None or not self.params.frequency:
            return uniform
        size = (rows, self.params.frequency)
        frequent = self.clicks[draw_uniform(size, len(self.clicks), generator) - 1]
        return torch.cat([uniform, frequent.long()], 1)

    def _draw_in_batch(
        self, batch: Batch, generator: Generator
    ) -> Int[Tensor, "events in_batch"]:
        """Return rows of `batch.clicks` for each event."""
        granularity, count = self.params.in_batch_granularity, self.params.in_batch
        if granularity == "batchwise":
            rows = torch.randint(
                len(batch.clicks),
                (1, count),
                generator=generator,
                device=generator.device,
            )
            return rows.expand(len(batch), -1)
        owners = _owners(batch, granularity)
        rows = draw_in_batch(batch.lengths, owners, count, generator)
        return _spread(rows, batch, granularity)

    def _uniform_hits(
        self, items: Int[Tensor, "rows items"], batch: Batch
    ) -> Bool[Tensor, "events items"]:
        """Return where an item is the event's target, or of an excluded session."""
        hit = items == batch.clicks[batch.targets][:, None]
        if self.params.exclude_session:
            every = items.expand(len(batch), -1)
            hit |= batch.holds(batch.session, every)
        return hit

    def _in_batch_hits(
        self, rows: Int[Tensor, "events rows"], batch: Batch
    ) -> Bool[Tensor, "events rows"]:
        """Return the same for clicks, and where a click is of the own session."""
        hit = self._uniform_hits(batch.clicks[rows], batch)
        if self.params.in_batch_granularity == "batchwise":
            hit |= batch.owner[rows] == batch.session[:, None]
        return hit

    def _best_uniform(
        self,
        hidden: Float[Tensor, "events size"],
        table: Float[Tensor, "items size"],
        items: Int[Tensor, "rows uniform"],
        batch: Batch,
    ) -> tuple[Tensor, Tensor]:
        """Return scores and items of the hardest uniform negatives of each event.

        A batchwise draw is one product for all events. Any other has candidates of its
        own for each event, all of which are returned.
        """
        if self.params.uniform_granularity != "batchwise":
            scores = row_logits(hidden, table, items)
            hit = self._uniform_hits(items, batch)
            return scores.masked_fill_(hit, -torch.inf), items
        [shared] = items
        vectors = self.vectors.take(table, len(shared), table.shape[1])
        torch.index_select(table, 0, shared, out=vectors)
        scores, unit = compared_products(
            hidden, vectors, self.score_dtype, self.scratch
        )
        if self.params.exclude_session:
            scores.masked_fill_(self._uniform_hits(items, batch), lowest(scores))
        else:
            forget_hits(scores, shared, batch.clicks[batch.targets])
        assert self.params.top_k is not None
        best, column = hardest(scores, min(self.params.top_k, len(shared)))
        best = torch.where(best == lowest(best), -torch.inf, best * unit)
        return best, shared[column]

    def _in_batch(
        self,
        hidden: Float[Tensor, "events size"],
        table: Float[Tensor, "items size"],
        rows: Int[Tensor, "events in_batch"],
        batch: Batch,
    ) -> tuple[Tensor, Tensor]:
        """Return scores and items of the in-batch negatives of each event."""
        vectors = table.index_select(0, batch.clicks)
        scores = (hidden @ vectors.T).gather(1, rows)
        hit = self._in_batch_hits(rows, batch)
        return scores.masked_fill_(hit, -torch.inf), batch.clicks[rows]


def _owners(batch: Batch, granularity: Granularity) -> Int[Tensor, "rows"]:
    """Return the session for which each row of a draw is made; 0 for all in one."""
    match granularity:
        case "elementwise":
            number = torch.arange(len(batch.lengths), device=batch.lengths.device)
            return number.repeat_interleave(
                batch.lengths - 1, output_size=batch.predictions
            )
        case "sessionwise":
            return torch.arange(len(batch.lengths), device=batch.lengths.device)
        case "batchwise":
            return batch.lengths.new_zeros(1)


def _spread(
    drawn: Int[Tensor, "rows count"], batch: Batch, granularity: Granularity
) -> Int[Tensor, "..."]:
    """Give each event its own draws, or those of its session."""
    match granularity:
        case "elementwise":
            return drawn[batch.part]
        case "sessionwise":
            return drawn[batch.session]
        case "batchwise":
            return drawn
