"""Random sessions for tests."""

import numpy as np

from tronrec.data.packed import PackedSessions


def random_sessions(
    seed: int, *, sessions: int, num_items: int, longest: int
) -> PackedSessions:
    """Return sessions of 2 to `longest` clicks on items 1..num_items."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(2, longest + 1, sessions)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    items = generator.integers(1, num_items + 1, offsets[-1]).astype(np.int32)
    return PackedSessions(items, offsets)
