"""The hand-written gradient is the one autograd finds through the dense computation."""

from itertools import product

import numpy as np
import pytest
import torch

from reference.data import random_sessions
from reference.model import all_negatives
from tronrec.batches import Batch, SessionBatches
from tronrec.losses import choose_loss
from tronrec.models.recommender import Recommender
from tronrec.params import LossParams, ModelParams, SamplingParams
from tronrec.sampling import NegativeSampler
from tronrec.training import logits
from tronrec.training.hard_negatives import HardestNegatives, keep_all
from tronrec.training.step import Step

NUM_ITEMS = 60


MODELS = {
    "transformer": ({"feed_forward": 24}, LossParams()),
    "core": (
        {"feed_forward": 24, "readout": "both", "temperature": 0.3},
        LossParams(),
    ),
    "members": (
        {"feed_forward": 24, "readout": "both", "temperature": 0.3, "members": 3},
        LossParams(),
    ),
    "gru": (
        {"encoder": "gru", "layers": 1, "item_bias": True},
        LossParams(name="bpr_max", penalty=0.5, elu=0.5),
    ),
}


def make_batch(seed: int) -> Batch:
    packed = random_sessions(seed, sessions=20, num_items=NUM_ITEMS, longest=12)
    batches = SessionBatches(packed, torch.device("cpu"))
    generator = np.random.default_rng(seed)
    return next(batches.epoch(batch_size=20, window=8, generator=generator))


@pytest.mark.parametrize("granularity", ["sessionwise", "batchwise"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("top_k", [None, 1, 10])
@pytest.mark.parametrize("encoder", MODELS)
def test_gradients_match_autograd(granularity, top_k, seed, encoder):
    torch.manual_seed(seed)
    batch = make_batch(seed)
    model_params, loss_params = MODELS[encoder]
    params = ModelParams(hidden_size=16, dropout=0, window=8, **model_params)
    model, loss_function = Recommender(params, NUM_ITEMS), choose_loss(loss_params)
    model = model.double()
    sampling = SamplingParams(
        uniform=320, uniform_granularity=granularity, in_batch=17, top_k=top_k
    )
    sampler = NegativeSampler(sampling, NUM_ITEMS)
    hardest = HardestNegatives(top_k, torch.float64) if top_k else None
    step = Step(model, sampler, hardest, loss_function)
    found = step.backward(batch, torch.Generator().manual_seed(seed))
    ours = {name: p.grad for name, p in model.encoder.named_parameters()}
    model.zero_grad()

    model.item_embeddings.requires_grad_()
    hidden = model(batch.clicks[batch.inputs], batch.layout)
    targets = batch.clicks[batch.targets]
    drawn = sampler.draw(batch, torch.Generator().manual_seed(seed))
    losses = []
    for states, items in zip(
        hidden.chunk(model.params.members, 1),
        model.item_embeddings.chunk(model.params.members, 1),
        strict=True,
    ):
        own = model.params.members * states
        kept = keep_all(drawn)
        if hardest:
            kept = hardest.choose(own.detach(), items.detach(), drawn)
        positive = (own * items[targets]).sum(1)
        negative = torch.einsum("nd,nkd->nk", own, items[all_negatives(kept)])
        losses.append(loss_function(positive, negative, kept.masked))
    torch.stack(losses).sum().backward()  # each learns as if it were alone
    loss = torch.stack(losses).mean()

    torch.testing.assert_close(found.loss, loss.detach())
    for name, parameter in model.encoder.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad)
    dense = torch.zeros_like(model.item_embeddings)
    summed = found.of_items.summed()
    dense[summed.item_ids] = summed.values
    torch.testing.assert_close(dense, model.item_embeddings.grad)


@pytest.mark.parametrize("encoder", MODELS)
def test_gradients_match_autograd_session_by_session(encoder, monkeypatch):
    monkeypatch.setattr(logits, "DENSE", 0)
    test_gradients_match_autograd("sessionwise", None, 7, encoder)


def test_sessions_may_draw_nothing_of_the_catalogue():
    batch = make_batch(3)
    model = Recommender(ModelParams(hidden_size=16, window=8), 20_000)
    sampling = SamplingParams(
        uniform=0, uniform_granularity="sessionwise", in_batch=3, top_k=None
    )
    step = Step(
        model, NegativeSampler(sampling, 20_000), None, choose_loss(LossParams())
    )
    found = step.backward(batch, torch.Generator().manual_seed(0))
    assert set(found.of_items.item_ids.tolist()) <= set(batch.clicks.tolist())


def test_bfloat16_changes_little():
    """Products are rounded; gradients stay float32."""
    found = {None: [], torch.bfloat16: []}
    for seed, precision in product(range(5), found):
        torch.manual_seed(seed)
        model = Recommender(ModelParams(hidden_size=64, dropout=0, window=8), NUM_ITEMS)
        negatives = SamplingParams(uniform=320, in_batch=0, top_k=None)
        sampler = NegativeSampler(negatives, NUM_ITEMS)
        generator = torch.Generator().manual_seed(0)
        step = Step(model, sampler, None, choose_loss(LossParams()), precision)
        gradients = step.backward(make_batch(seed), generator)
        encoder = [p.grad.flatten() for p in model.encoder.parameters()]
        values = gradients.of_items.summed().values
        found[precision] += [values.flatten(), *encoder]
    exact, rounded = map(torch.cat, found.values())
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    assert torch.cosine_similarity(exact, rounded, 0) > 0.999
