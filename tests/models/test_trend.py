import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.models import trend as module
from tronrec.models.trend import trend
from tronrec.params import SystemParams
from tronrec.training.loop import Trainer, TrainingData

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
        found = trend(parts, 7, memory)
    assert found[0] == 0
    expected = by_definition(clicks, 7, memory)
    assert found[1:].tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_newcomer_rises_and_a_leaver_falls():
    clicks = np.array([1, 2] * 500 + [2, 3] * 50, np.int32)
    left, stayed, new, unknown = trend([clicks], 4, 0.03)[1:].tolist()
    assert left < -2
    assert abs(stayed) < 0.2
    assert new > 1
    assert unknown == 0


def test_the_trend_is_the_sessions_own_from_the_start():
    data = TrainingData(
        random_sessions(0, sessions=30, num_items=9, longest=6),
        random_sessions(1, sessions=5, num_items=9, longest=6),
        num_items=9,
    )
    model = {"hidden_size": 8, "trend": 0.5, "trend_memory": 0.2}
    sampling = {"uniform": 4, "in_batch": 3, "top_k": 2}
    params = SystemParams.model_validate({"model": model, "sampling": sampling})
    trainer = Trainer(params, data, torch.device("cpu"))
    expected = trend([data.fit.items], 9, 0.2)
    assert torch.equal(trainer.model.trend, expected)
    trainer.run_epoch()
    assert torch.equal(trainer.model.trend, expected)
    assert torch.equal(trainer.checkpoint().part("best")["trend"], expected)
