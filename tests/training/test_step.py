"""The hand-written gradient is the one autograd finds through the dense computation."""

import numpy as np
import pytest
import torch

from reference.data import random_sessions
from tronrec.batches import SessionBatches
from tronrec.losses import choose_loss
from tronrec.models.recommender import Recommender
from tronrec.params import LossParams, ModelParams, SamplingParams
from tronrec.sampling import Negatives, NegativeSampler
from tronrec.training.step import backward

NUM_ITEMS = 60


class Recorder(NegativeSampler):
    """A sampler that remembers what it chose."""

    def choose(self, *arguments) -> Negatives:
        self.found = super().choose(*arguments)
        return self.found


MODELS = {
    "transformer": ({"feed_forward": 24}, LossParams()),
    "gru": (
        {"encoder": "gru", "layers": 1, "item_bias": True},
        LossParams(name="bpr_max", penalty=0.5, elu=0.5),
    ),
}


@pytest.mark.parametrize("top_k", [None, 1, 10])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("encoder", MODELS)
def test_gradients_match_autograd(top_k, seed, encoder):
    torch.manual_seed(seed)
    packed = random_sessions(seed, sessions=20, num_items=NUM_ITEMS, longest=12)
    batch = next(
        SessionBatches(packed, torch.device("cpu")).epoch(
            batch_size=20, window=8, generator=np.random.default_rng(seed)
        )
    )
    model_params, loss_params = MODELS[encoder]
    params = ModelParams(hidden_size=16, dropout=0, window=8, **model_params)
    model, loss_function = Recommender(params, NUM_ITEMS), choose_loss(loss_params)
    model = model.double()
    negatives = SamplingParams(uniform=320, in_batch=17, top_k=top_k)
    sampler = Recorder(negatives, torch.float64)
    found = backward(
        model, batch, sampler, loss_function, torch.Generator().manual_seed(seed)
    )
    ours = {name: p.grad for name, p in model.encoder.named_parameters()}
    model.zero_grad()

    model.items.requires_grad_()
    hidden = model(batch.clicks[batch.inputs], batch.layout)
    positive = (hidden * model.items[batch.clicks[batch.targets]]).sum(1)
    negative = torch.einsum("nd,nkd->nk", hidden, model.items[sampler.found.items])
    loss = loss_function(positive, negative, sampler.found.hit)
    loss.backward()

    torch.testing.assert_close(found.loss, loss.detach())
    for name, parameter in model.encoder.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad)
    dense = torch.zeros_like(model.items)
    dense[found.items.items] = found.items.vectors
    torch.testing.assert_close(dense, model.items.grad)
