"""Sessions to measure on: simulated ones of a data set's size, or prepared ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tronrec.data.packed import PackedSessions


@dataclass(frozen=True)
class Shape:
    """What the time of a step depends on."""

    name: str
    num_items: int
    mean_clicks: float
    sessions_per_epoch: int


DIGINETICA = Shape("Diginetica", 43_097, 4.85, 186_670)
OTTO = Shape("OTTO", 1_855_603, 14.0, 12_899_779)


@dataclass(frozen=True)
class Case:
    """Sessions, and how many steps an epoch of the whole data set takes."""

    name: str
    num_items: int
    sessions: PackedSessions
    sessions_per_epoch: int

    def steps(self, batch_size: int) -> float:
        """Return the steps of an epoch."""
        return self.sessions_per_epoch / batch_size

    @classmethod
    def simulated(cls, shape: Shape, sessions: int = 4096) -> "Case":
        """Return sessions of a shape."""
        drawn = draw_sessions(shape, sessions)
        return cls(shape.name, shape.num_items, drawn, shape.sessions_per_epoch)

    @classmethod
    def prepared(cls, path: Path) -> "Case":
        """Return the sessions of a file that `prepare_*` wrote."""
        sessions = PackedSessions.load(path)
        name = f"{path.parent.name}, real clicks"
        return cls(name, int(sessions.items.max()), sessions, len(sessions))


def draw_sessions(shape: Shape, sessions: int, seed: int = 0) -> PackedSessions:
    """Return sessions with geometric lengths from 2 on, and Zipf-like items."""
    generator = np.random.default_rng(seed)
    lengths = 1 + generator.geometric(1 / (shape.mean_clicks - 1), sessions)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    share = generator.random(offsets[-1])
    items = (shape.num_items**share).astype(np.int32)
    return PackedSessions(np.minimum(items, shape.num_items), offsets)
