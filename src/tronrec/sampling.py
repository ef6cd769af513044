"""The negatives of an event, as they are drawn (paper, section 2.1).

Uniform negatives are items of the whole catalogue. In-batch negatives are clicks of the
other sessions of the batch, so popular items come up more often. Each kind is drawn
anew for every event (elementwise), session (sessionwise) or batch (batchwise). An
event's target is never a negative: where it is drawn, it is an accidental hit and
masked. Which of the drawn are kept is the matter of `tronrec.training.hard_negatives`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from tronrec.batches import Batch
from tronrec.params import Granularity, SamplingParams
from tronrec.schemas import PADDING

REDRAWS = 8
"""Times that an item of the session is replaced by a new draw before it is masked."""
AT_ONCE = 64
"""Events whose negatives a CPU compares at once, so that they stay in its cache."""


def draw_uniform(
    shape: tuple[int, ...], num_items: int, generator: Generator
) -> Int[Tensor, "..."]:
    """Draw items 1..`num_items`, each equally likely, with replacement."""
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
    """Draw clicks of the other sessions, as indices into `Batch.clicks`.

    Every click of the others is equally likely, so items come by their frequency. Where
    there are no others, the first click stands for them (`Candidates.mask_in_batch`).

    Args:
        lengths: Clicks of each session of the batch.
        session: The session for which each row of the result is drawn.
        count: Draws for each.
        generator: Source of the draws, on the device of the lengths.
    """
    if len(lengths) == 1:
        return session.new_zeros(len(session), count)
    ends = lengths.cumsum(0)
    length, begin = lengths[session, None], (ends - lengths)[session, None]
    share: Float[Tensor, "rows {count}"] = torch.rand(
        (len(session), count),
        generator=generator,
        device=generator.device,
        dtype=torch.float64,
    )
    click = (share * (ends[-1] - length)).long()
    return click + length * (click >= begin)


@dataclass(frozen=True)
class Candidates:
    """All that was drawn for a batch; the kept negatives are chosen from it."""

    batch: Batch
    uniform: Int[Tensor, "rows uniform"]
    """Items: a row for each event, or for each session of the batch, or a single one
    that all events share."""
    in_batch: Int[Tensor, "events in_batch"]
    """Clicks of the batch, as indices into `Batch.clicks`."""
    params: SamplingParams

    @property
    def is_shared(self) -> bool:
        """Whether one row of uniform draws serves all events (batchwise)."""
        return self.params.uniform_granularity == "batchwise"

    @property
    def is_of_sessions(self) -> bool:
        """Whether a row of uniform draws serves the events of a session."""
        return self.params.uniform_granularity == "sessionwise"

    @property
    def uniform_of_events(self) -> Int[Tensor, "events uniform"]:
        """The uniform draws of each event, of which a session's have the same."""
        return self.uniform[self.batch.session] if self.is_of_sessions else self.uniform

    @property
    def in_batch_items(self) -> Int[Tensor, "events in_batch"]:
        """The items of the in-batch draws."""
        return self.batch.clicks[self.in_batch]

    def mask_uniform(self) -> Bool[Tensor, "events uniform"]:
        """Return which uniform draws are no negatives of an event after all."""
        if not self.is_of_sessions:
            return self._mask_items(self.uniform)
        batch = self.batch
        some = len(batch) if self.uniform.is_cuda else AT_ONCE
        of_events = batch.session, batch.clicks[batch.targets]
        parts = (torch.split(part, some) for part in of_events)
        masked = torch.cat(
            [
                self.uniform[rows] == targets[:, None]
                for rows, targets in zip(*parts, strict=True)
            ]
        )
        if self.params.exclude_session:
            sessions = _sessions_drawn_for(batch, "sessionwise")
            masked |= batch.contains(sessions, self.uniform)[batch.session]
        return masked

    def mask_in_batch(self) -> Bool[Tensor, "events in_batch"]:
        """Return which in-batch draws are no negatives of an event after all.

        A batchwise draw serves all sessions, so some of its clicks are a session's own.
        """
        masked = self._mask_items(self.in_batch_items)
        if len(self.batch.lengths) == 1:  # nothing is of another session
            return torch.ones_like(masked)
        if self.params.in_batch_granularity == "batchwise":
            session = self.batch.session_of_click[self.in_batch]
            masked |= session == self.batch.session[:, None]
        return masked

    def _mask_items(
        self, items: Int[Tensor, "rows items"]
    ) -> Bool[Tensor, "events items"]:
        """Return where an item is the event's target, or of an excluded session."""
        batch = self.batch
        masked = items == batch.clicks[batch.targets][:, None]
        if self.params.exclude_session:
            masked |= batch.contains(batch.session, items.expand(len(batch), -1))
        return masked


class NegativeSampler:
    """Draws the candidates of a batch."""

    def __init__(self, params: SamplingParams, num_items: int) -> None:
        """Keep the numbers.

        Args:
            params: How many candidates of each kind, and for what they are drawn anew.
            num_items: Items of the catalogue.
        """
        self.params, self.num_items = params, num_items

    def draw(self, batch: Batch, generator: Generator) -> Candidates:
        """Return the candidates of all events; `generator` is on the batch's device."""
        uniform = self._draw_uniform(batch, generator)
        in_batch = self._draw_in_batch(batch, generator)
        return Candidates(batch, uniform, in_batch, self.params)

    def _draw_uniform(
        self, batch: Batch, generator: Generator
    ) -> Int[Tensor, "rows uniform"]:
        granularity = self.params.uniform_granularity
        sessions = _sessions_drawn_for(batch, granularity)
        shape = len(sessions), self.params.uniform_of(self.num_items)
        items = draw_uniform(shape, self.num_items, generator)
        if self.params.exclude_session and granularity != "batchwise":
            for _ in range(REDRAWS):
                again = draw_uniform(shape, self.num_items, generator)
                items = torch.where(batch.contains(sessions, items), again, items)
        return items[batch.shard] if granularity == "elementwise" else items

    def _draw_in_batch(
        self, batch: Batch, generator: Generator
    ) -> Int[Tensor, "events in_batch"]:
        granularity, count = self.params.in_batch_granularity, self.params.in_batch
        if granularity == "batchwise":
            clicks = torch.randint(
                len(batch.clicks),
                (1, count),
                generator=generator,
                device=generator.device,
            )
            return clicks.expand(len(batch), -1)
        sessions = _sessions_drawn_for(batch, granularity)
        clicks = draw_in_batch(batch.lengths, sessions, count, generator)
        return _give_to_events(clicks, batch, granularity)


def _sessions_drawn_for(batch: Batch, granularity: Granularity) -> Int[Tensor, "rows"]:
    """Return the session for which each row of a draw is made; 0 for all in one."""
    match granularity:
        case "elementwise":
            session = torch.arange(len(batch.lengths), device=batch.lengths.device)
            return session.repeat_interleave(
                batch.lengths - 1, output_size=batch.predictions
            )
        case "sessionwise":
            return torch.arange(len(batch.lengths), device=batch.lengths.device)
        case "batchwise":
            return batch.lengths.new_zeros(1)


def _give_to_events(
    drawn: Int[Tensor, "rows count"], batch: Batch, granularity: Granularity
) -> Int[Tensor, "..."]:
    """Return a row for each prediction made here, or the one that all share."""
    match granularity:
        case "elementwise":
            return drawn[batch.shard]
        case "sessionwise":
            return drawn[batch.session]
        case "batchwise":
            return drawn
