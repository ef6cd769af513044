import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.batches import SessionBatches

cpu = torch.device("cpu")


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 8))
def test_batch_is_the_last_clicks_of_its_sessions(seed, count, window):
    packed = random_sessions(seed, sessions=count, num_items=9, longest=12)
    batches = SessionBatches(packed, cpu)
    starts = np.maximum(packed.offsets[:-1], packed.offsets[1:] - (window + 1))
    batch = batches.batch(starts, packed.offsets[1:])
    inputs, targets, session, position = [], [], [], []
    for number, items in enumerate(np.split(packed.items, packed.offsets[1:-1])):
        kept = items[-(window + 1) :].tolist()
        inputs += kept[:-1]
        targets += kept[1:]
        session += [number] * (len(kept) - 1)
        position += range(len(kept) - 1)
    assert batch.clicks[batch.inputs].tolist() == inputs
    assert batch.clicks[batch.targets].tolist() == targets
    assert batch.layout.session.tolist() == session
    assert batch.layout.position.tolist() == position
    assert int(batch.lengths.sum()) == len(batch.clicks)


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(2, 11))
def test_an_epoch_has_every_session_once(seed, count, batch_size):
    packed = random_sessions(seed, sessions=count, num_items=9, longest=5)
    batches = SessionBatches(packed, cpu)
    epoch = list(
        batches.epoch(
            batch_size=batch_size, window=50, generator=np.random.default_rng(seed)
        )
    )
    assert len(epoch) == batches.steps(batch_size)
    sizes = [len(batch.lengths) for batch in epoch]
    assert max(sizes) <= batch_size and max(sizes) - min(sizes) <= 1
    trained = sorted(
        tuple(session.tolist())
        for batch in epoch
        for session in batch.clicks.split(batch.lengths.tolist())
    )
    whole = np.split(packed.items, packed.offsets[1:-1])
    assert trained == sorted(tuple(items.tolist()) for items in whole)


def test_epochs_differ_and_repeat_with_their_seed():
    packed = random_sessions(0, sessions=30, num_items=9, longest=5)
    batches = SessionBatches(packed, cpu)

    def first(seed: int) -> list[int]:
        generator = np.random.default_rng(seed)
        epoch = batches.epoch(batch_size=10, window=50, generator=generator)
        return next(iter(epoch)).clicks.tolist()

    assert first(1) == first(1) != first(2)
