"""Session-parallel batches: the next click of many sessions at a time (GRU4Rec).

The sessions of an epoch form one long row of events, which is cut into as many equal
lanes as a batch has sessions. A step takes the next event of every lane. So each event
is trained on once and lanes end together; the few sessions that a cut divides go on as
two.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int

from tronrec.batches import Batch, SessionBatches
from tronrec.data.packed import PackedSessions
from tronrec.models.layout import Layout
from tronrec.params import SystemParams


class SessionParallelBatches(SessionBatches):
    """The clicks of sessions on a device, cut into batches of single events."""

    def __init__(
        self, sessions: PackedSessions, device: torch.device, window: int
    ) -> None:
        """Move the clicks to the device.

        Args:
            sessions: Sessions of at least two clicks.
            device: Where batches are made.
            window: Events of a session that are trained on: the last ones.
        """
        super().__init__(sessions, device)
        self.starts = np.maximum(self.starts, self.ends - (window + 1))
        self.counts = self.ends - self.starts - 1

    def epoch(
        self, *, batch_size: int, window: int, generator: np.random.Generator
    ) -> Iterator[Batch]:
        """Yield every event once, sessions in random order.

        A lane whose session began before it starts at position 0 all the same. Lanes
        that are an event shorter than others come last.
        """
        order = generator.permutation(len(self.starts))
        starts, ends = self.starts[order], self.counts[order].cumsum()
        first = ends - self.counts[order]
        lane, longer = np.arange(batch_size), ends[-1] % batch_size
        begin = lane * (ends[-1] // batch_size) + np.minimum(lane, longer)
        for step in range(self.steps(batch_size)):
            event = (begin + step)[: min(batch_size, ends[-1] - step * batch_size)]
            session = np.searchsorted(ends, event, side="right")
            position = event - first[session]
            yield self._single(starts[session] + position, np.minimum(position, step))

    def _single(
        self, click: Int[np.ndarray, "lanes"], position: Int[np.ndarray, "lanes"]
    ) -> Batch:
        """Return the batch of the events after these clicks."""
        batch = self.batch(click, click + 2)
        positions = torch.from_numpy(position).to(self.items.device, non_blocking=True)
        return replace(batch, layout=Layout(batch.layout.session, positions, 1))

    def steps(self, batch_size: int) -> int:
        """Return the number of batches of an epoch."""
        return -(-int(self.counts.sum()) // batch_size)


def choose_batches(
    params: SystemParams, sessions: PackedSessions, device: torch.device
) -> SessionBatches:
    """Return the batches that `params` ask for."""
    match params.training.batches:
        case "whole_sessions":
            return SessionBatches(sessions, device)
        case "session_parallel":
            return SessionParallelBatches(sessions, device, params.model.window)
