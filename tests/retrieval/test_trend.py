import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tronrec.retrieval import trend as module
from tronrec.retrieval.trend import count_trend

CLICKS = st.lists(st.integers(1, 6), min_size=1, max_size=60)


def by_definition(clicks: list[int], num_items: int, memory: float) -> list[float]:
    """Return the trend of each item, a click at a time."""
    recent = dict.fromkeys(range(1, num_items + 1), 0.0)
    for number, item in enumerate(clicks):
        age = (len(clicks) - 1 - number) / len(clicks)
        recent[item] += math.exp(-age / memory)
    total, found = sum(recent.values()), []
    for item, count in recent.items():
        expected = clicks.count(item) / len(clicks) * total
        found.append(math.log((count + 0.3) / (expected + 0.3)))
    return found


@given(CLICKS, st.floats(0.01, 1), st.integers(1, 70), st.integers(0, 60))
def test_the_trend_is_that_of_the_definition(clicks, memory, slab, cut):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLAB", slab)
        parts = np.split(np.array(clicks, np.int32), [cut, cut])
        found = count_trend(parts, 7, memory)
    assert found[0] == 0
    expected = by_definition(clicks, 7, memory)
    assert found[1:].tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_newcomer_rises_and_a_leaver_falls():
    clicks = np.array([1, 2] * 500 + [2, 3] * 50, np.int32)
    left, stayed, new, unknown = count_trend([clicks], 4, 0.03)[1:].tolist()
    assert left < -2
    assert abs(stayed) < 0.2
    assert new > 1
    assert unknown == 0
