"""A batch of sessions as index arithmetic on two flat tensors.

The sessions live on the training device once; no worker, no collate, no padding.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tronrec.data.packed import PackedSessions
from tronrec.models.layout import Layout


@dataclass(frozen=True)
class Batch:
    """Clicks of some sessions, packed; each but a session's last is an input.

    Where what follows is not known but asked for, each click is one, and there are no
    targets.

    Where several processes share the work, each has all clicks and lengths, since they
    decide the negatives, and makes some of the predictions.
    """

    clicks: Int[Tensor, "clicks"]
    """Items of all sessions of the batch, back to back."""
    inputs: Int[Tensor, "events"]
    """For each prediction made here, the row of `clicks` it is made after."""
    layout: Layout
    """Where each prediction made here stands; its session counts from 0 here."""
    session: Int[Tensor, "events"]
    """The session of each prediction made here, by its number in the batch."""
    lengths: Int[Tensor, "sessions"]
    """Clicks of each session."""
    shard: slice
    """Which of the batch's predictions are made here."""

    @property
    def predictions(self) -> int:
        """Number of predictions of the whole batch."""
        return len(self.clicks) - len(self.lengths)

    @property
    def session_of_click(self) -> Int[Tensor, "clicks"]:
        """The session of each click, by its number in the batch."""
        number = torch.arange(len(self.lengths), device=self.lengths.device)
        return number.repeat_interleave(self.lengths, output_size=len(self.clicks))

    def contains(
        self, session: Int[Tensor, "rows"], items: Int[Tensor, "rows items"]
    ) -> Bool[Tensor, "rows items"]:
        """Return whether each of a row's items was clicked in the row's session."""
        clicked = ((self.session_of_click << 32) + self.clicks).sort().values
        asked = (session[:, None] << 32) + items
        index = torch.searchsorted(clicked, asked).clamp_(max=len(clicked) - 1)
        return clicked[index] == asked

    @property
    def targets(self) -> Int[Tensor, "events"]:
        """For each prediction, the row of `clicks` that came next."""
        return self.inputs + 1

    def __len__(self) -> int:
        """Return the number of predictions made here."""
        return len(self.inputs)


class SessionBatches:
    """The clicks of sessions on a device, cut into batches."""

    def __init__(self, sessions: PackedSessions, device: torch.device) -> None:
        """Move the clicks to the device; the host keeps the offsets, and makes shapes.

        Args:
            sessions: Sessions of at least two clicks.
            device: Where batches are made.
        """
        self.rank, self.shards = 0, 1
        self.items = torch.from_numpy(np.array(sessions.items)).to(device)
        self.starts = np.array(sessions.offsets[:-1])
        self.ends = np.array(sessions.offsets[1:])

    def shard(self, rank: int, shards: int) -> None:
        """From now on, make one of `shards` shards of each batch's predictions."""
        self.rank, self.shards = rank, shards

    def batch(
        self, starts: Int[np.ndarray, "sessions"], ends: Int[np.ndarray, "sessions"]
    ) -> Batch:
        """Return the batch of the runs of clicks `starts[i]:ends[i]`, in this order."""
        device = self.items.device
        total, count = int((ends - starts).sum()), len(starts)
        first_click = torch.from_numpy(starts).to(device, non_blocking=True)
        lengths = torch.from_numpy(ends - starts).to(device, non_blocking=True)
        first = lengths.cumsum(0) - lengths
        number = torch.arange(count, device=device)
        session = number.repeat_interleave(lengths, output_size=total)
        position = torch.arange(total, device=device) - first[session]
        clicks = self.items[first_click[session] + position].long()
        event = number.repeat_interleave(lengths - 1, output_size=total - count)
        inputs = torch.arange(total - count, device=device) + event
        first_session, shard = self._find_shard(ends - starts - 1)
        event, inputs = event[shard], inputs[shard]
        shortest, longest = (ends - starts).min() - 1, int((ends - starts).max()) - 1
        equal = bool(shortest == longest)
        layout = Layout(event - first_session, position[inputs], longest, equal)
        return Batch(clicks, inputs, layout, event, lengths, shard)

    def _find_shard(
        self, predictions: Int[np.ndarray, "sessions"]
    ) -> tuple[int, slice]:
        """Return the first session and the predictions of this process's shard.

        Shards are whole sessions, one at least, of about as many predictions.

        Args:
            predictions: Predictions of each session, of at least `shards` sessions.
        """
        ends = np.concatenate(([0], predictions.cumsum()))
        number = np.arange(self.shards + 1)
        cuts = np.searchsorted(ends, number * (ends[-1] / self.shards))
        cuts = np.maximum.accumulate(cuts - number)  # one session at least for each
        cuts = np.minimum(cuts, len(predictions) - self.shards) + number
        low, high = ends[cuts[self.rank : self.rank + 2]].tolist()
        return int(cuts[self.rank]), slice(low, high)

    def epoch(
        self, *, batch_size: int, window: int, generator: np.random.Generator
    ) -> Iterator[Batch]:
        """Yield the last `window + 1` clicks of every session once, in random order.

        Batches differ by one session at most, so that none is left with a session or
        two and few in-batch negatives.
        """
        starts = np.maximum(self.starts, self.ends - (window + 1))
        order = generator.permutation(len(starts))
        for chosen in np.array_split(order, self.steps(batch_size)):
            yield self.batch(starts[chosen], self.ends[chosen])

    def steps(self, batch_size: int) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self.starts) // batch_size)
