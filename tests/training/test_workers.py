"""The parts of a batch add up to the batch, whatever is drawn for whom."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.batches import Batch, SessionBatches
from tronrec.losses import sampled_softmax
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, SamplingParams
from tronrec.sampling import NegativeSampler
from tronrec.training.hard_negatives import HardestNegatives
from tronrec.training.step import Gradients, Step

cpu = torch.device("cpu")
NUM_ITEMS = 60
GRANULARITIES = "elementwise", "sessionwise", "batchwise"


def first_batch(seed: int, count: int, part: int, parts: int) -> Batch:
    packed = random_sessions(seed, sessions=count, num_items=NUM_ITEMS, longest=12)
    batches = SessionBatches(packed, cpu)
    batches.shard(part, parts)
    generator = np.random.default_rng(seed)
    return next(batches.epoch(batch_size=count, window=8, generator=generator))


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 30), st.data())
def test_parts_are_all_sessions_once_each_whole(seed, count, data):
    number = data.draw(st.integers(1, count))
    whole = first_batch(seed, count, 0, 1)
    parts = [first_batch(seed, count, part, number) for part in range(number)]
    for name in ("inputs", "targets", "session"):
        found = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(found, getattr(whole, name))
    assert [part.shard.start for part in parts] == [
        0,
        *(part.shard.stop for part in parts[:-1]),
    ]
    for part in parts:
        assert len(part) and part.predictions == len(whole) == whole.predictions
        assert torch.equal(part.clicks, whole.clicks)
        assert torch.equal(part.layout.session, part.session - part.session[0])
        assert int(part.layout.position[0]) == 0
    positions = torch.cat([part.layout.position for part in parts])
    assert torch.equal(positions, whole.layout.position)


def test_parts_are_about_equal():
    parts = [first_batch(3, 60, part, 4) for part in range(4)]
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 2 * 8


@pytest.mark.parametrize("top_k", [None, 10])
@pytest.mark.parametrize("uniform", GRANULARITIES)
@pytest.mark.parametrize("in_batch", GRANULARITIES)
def test_gradients_of_the_parts_add_up(top_k, uniform, in_batch):
    torch.manual_seed(0)
    params = ModelParams(hidden_size=16, feed_forward=24, dropout=0, window=8)
    model = Recommender(params, NUM_ITEMS).double()
    sampling = SamplingParams(
        uniform=40,
        uniform_granularity=uniform,
        in_batch=9,
        in_batch_granularity=in_batch,
        exclude_session=uniform != "batchwise",
        top_k=top_k,
    )
    sampler = NegativeSampler(sampling, NUM_ITEMS)
    hardest = HardestNegatives(top_k, torch.float64) if top_k else None

    def gradients(batch: Batch) -> dict[str, torch.Tensor]:
        model.zero_grad()
        generator = torch.Generator().manual_seed(5)
        found = Step(model, sampler, hardest, sampled_softmax).backward(
            batch, generator
        )
        table = torch.zeros_like(model.item_embeddings)
        of_items = found.of_items.summed()
        table.index_add_(0, of_items.item_ids, of_items.values)
        encoder = {k: v.grad for k, v in model.encoder.named_parameters()}
        share = len(batch) / batch.predictions
        return {
            k: v * share
            for k, v in {**encoder, "items": table, "loss": found.loss}.items()
        }

    whole = gradients(first_batch(7, 20, 0, 1))
    parts = [gradients(first_batch(7, 20, part, 3)) for part in range(3)]
    for name, expected in whole.items():
        torch.testing.assert_close(sum(part[name] for part in parts), expected)
    assert {field.name for field in dataclasses.fields(Gradients)} == {
        "loss",
        "of_items",
    }
