from itertools import pairwise

import numpy as np
import pytest
import torch

from reference.data import random_sessions
from tronrec.training.session_parallel import SessionParallelBatches

cpu = torch.device("cpu")
WINDOW = 5


def epoch(sessions, batch_size, seed=0):
    batches = SessionParallelBatches(sessions, cpu, WINDOW)
    steps = list(
        batches.epoch(
            batch_size=batch_size,
            window=WINDOW,
            generator=np.random.default_rng(seed),
        )
    )
    assert len(steps) == batches.steps(batch_size)
    return steps


@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("count", [2, 3, 40])
def test_every_event_of_the_window_is_trained_on_once(batch_size, count):
    sessions = random_sessions(count, sessions=count, num_items=9, longest=9)
    found = [
        (*pair,)
        for batch in epoch(sessions, batch_size)
        for pair in batch.clicks.view(-1, 2).tolist()
    ]
    expected = [
        pair
        for items in np.split(sessions.items, sessions.offsets[1:-1])
        for pair in pairwise(items[-WINDOW - 1 :].tolist())
    ]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_lanes_follow_sessions_from_click_to_click(batch_size):
    sessions = random_sessions(1, sessions=30, num_items=500, longest=9)
    before: list[tuple[int, int]] = []
    starts = 0
    for step, batch in enumerate(epoch(sessions, batch_size)):
        assert batch.layout.session.tolist() == list(range(len(batch)))
        assert len(batch) <= (len(before) or batch_size)
        now = []
        for lane, (item, target) in enumerate(batch.clicks.view(-1, 2).tolist()):
            position = int(batch.layout.position[lane])
            if position:
                assert before[lane] == (item, position - 1)
            starts += position == 0
            assert position <= step
            now.append((target, position))
        before = now
    assert len(sessions) <= starts <= len(sessions) + batch_size - 1


def test_the_order_changes_from_epoch_to_epoch():
    sessions = random_sessions(1, sessions=30, num_items=500, longest=9)
    first, second = (epoch(sessions, 4, seed)[0].clicks for seed in (0, 1))
    assert not torch.equal(first, second)
