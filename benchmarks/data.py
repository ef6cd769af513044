"""Sessions to measure on: simulated ones of a given size, or a prepared data set's."""

from dataclasses import dataclass

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


def draw_sessions(shape: Shape, sessions: int = 4096, seed: int = 0) -> PackedSessions:
    """Return sessions with geometric lengths from 2 on, and Zipf-like items."""
    generator = np.random.default_rng(seed)
    lengths = 1 + generator.geometric(1 / (shape.mean_clicks - 1), sessions)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    share = generator.random(offsets[-1])
    items = (shape.num_items**share).astype(np.int32)
    return PackedSessions(np.minimum(items, shape.num_items), offsets)
