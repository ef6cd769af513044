"""What followed an item of late, against a count pair by pair."""

import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.data.packed import PackedSessions
from tronrec.retrieval import successors as module
from tronrec.retrieval.successors import KEPT, count_successors

ITEMS = 30


def by_definition(parts: list[PackedSessions]) -> dict[int, dict[int, float]]:
    """Return what each item's successors gain, a pair of clicks at a time."""
    clicks = [int(item) for part in parts for item in part.items]
    ends = {0}
    for part in parts:
        ends |= {max(ends) + int(length) for length in part.offsets[1:]}
    pairs: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for first in range(len(clicks) - 1):
        age = (len(clicks) - 1 - first) / len(clicks)
        if first + 1 in ends or age >= 0.5:
            continue
        item, successor = clicks[first : first + 2]
        pairs[item][successor] += math.exp(-age / 0.1)
        pairs[successor][item] += 0.5 * math.exp(-age / 0.1)
    found = {}
    for item, row in pairs.items():
        total = sum(row.values()) + 1
        gains = {
            other: math.log1p(value / total / 0.003) for other, value in row.items()
        }
        best = sorted(gains, key=lambda other: (-gains[other], other))[:KEPT]
        found[item] = {other: gains[other] for other in best}
    return found


@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.integers(0, 12),
    st.integers(1, 90),
    st.integers(1, 40),
)
def test_successors_are_those_of_the_definition(seed, sessions, cut, slab, rows):
    packed = random_sessions(seed, sessions=sessions, num_items=ITEMS, longest=6)
    cut = min(cut, len(packed))
    middle = packed.offsets[cut]
    parts = [
        PackedSessions(packed.items[:middle], packed.offsets[: cut + 1]),
        PackedSessions(packed.items[middle:], packed.offsets[cut:] - middle),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLAB", slab)
        patch.setattr(module, "ROWS", rows)
        found = count_successors(parts, ITEMS)
    expected = by_definition(parts)
    assert found.items.shape == found.gains.shape == (ITEMS + 1, KEPT)
    for item in range(ITEMS + 1):
        taken = found.items[item] != 0
        assert (found.gains[item] > 0).tolist() == taken.tolist()
        gains = dict(
            zip(found.items[item].tolist(), found.gains[item].tolist(), strict=True)
        )
        gains.pop(0, None)
        assert len(gains) == int(taken.sum())
        best = expected.get(item, {})
        assert sorted(gains.values()) == pytest.approx(sorted(best.values()), rel=1e-4)
        for other, gain in gains.items():  # ties at the last place may fall otherwise
            if other in best:
                assert gain == pytest.approx(best[other], rel=1e-4)


def test_only_the_likeliest_are_kept():
    """One item is followed by 40 others, number n of them n times."""
    rows = [[1, other] for other in range(2, 42) for _ in range(other)]
    rows = [rows[number] for number in np.random.default_rng(0).permutation(len(rows))]
    offsets = np.arange(len(rows) + 1) * 2
    packed = PackedSessions(np.array(rows, np.int32).ravel(), offsets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MEMORY", 1e6)
        found = count_successors([packed], 41)
    assert found.items[1].tolist() == list(range(41, 21, -1))
    assert found.gains[1].diff().max() <= 0


def test_gains_are_those_of_the_last_click():
    clicks = np.array([4, 5, 6, 7, 4, 3, 1, 2], np.int32)
    known = PackedSessions(clicks, np.array([0, 5, 8]))
    found = count_successors([known], 7).after(torch.tensor([1, 2, 3]), 2.0)
    assert [set(row) - {0} for row in found.items.tolist()] == [{2, 3}, {1}, {1}]
    assert found.items[0, 0] == 2  # what came after counts more than what came before
    assert found.values[0, 0] > found.values[0, 1] > 0
    assert float(found.values[:, 2:].abs().max()) == 0
