import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from reference.model import hidden_states
from tronrec.batches import SessionBatches
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams

PARAMS = ModelParams(hidden_size=12, feed_forward=20, heads=2, window=9, dropout=0.5)


CORE = {"readout": "items", "item_dropout": 0.3, "temperature": 0.07}


@pytest.fixture(
    scope="module", params=[{}, {"temperature": 0.5}, CORE, CORE | {"readout": "both"}]
)
def model(request) -> Recommender:
    torch.manual_seed(0)
    params = ModelParams.model_validate(PARAMS.model_dump() | request.param)
    model = Recommender(params, 40)
    for parameter in model.parameters():  # norms and biases are not 1 and 0 any more
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model.eval()


def rounding(model: Recommender) -> float:
    """Return what float32 may err by: cosines are divided by the temperature."""
    return 1e-5 / (model.params.temperature or 1)


def packed_hidden(model: Recommender, sessions: list[np.ndarray]) -> list[torch.Tensor]:
    """Return the hidden states of whole sessions, computed in one packed batch."""
    from tronrec.data.packed import PackedSessions

    ended = [np.append(items, 1) for items in sessions]  # the last click is no input
    lengths = [len(items) for items in ended]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    packed = PackedSessions(np.concatenate(ended).astype(np.int32), offsets)
    batch = SessionBatches(packed, torch.device("cpu")).batch(offsets[:-1], offsets[1:])
    with torch.no_grad():
        hidden = model(batch.clicks[batch.inputs], batch.layout)
    return list(hidden.split([length - 1 for length in lengths]))


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_matches_one_session_at_a_time(model, seed, count):
    packed = random_sessions(seed, sessions=count, num_items=40, longest=9)
    sessions = np.split(packed.items, packed.offsets[1:-1])
    for items, hidden in zip(sessions, packed_hidden(model, sessions), strict=True):
        with torch.no_grad():
            expected = hidden_states(copy.deepcopy(model), torch.tensor(items))
        torch.testing.assert_close(
            hidden.double(), expected, atol=rounding(model), rtol=1e-5
        )


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_prefix_consistency(model, seed):
    """The state of an event is the same whether the session goes on or not (trap 3)."""
    packed = random_sessions(seed, sessions=8, num_items=40, longest=9)
    sessions = np.split(packed.items, packed.offsets[1:-1])
    cuts = np.random.default_rng(seed).integers(1, [len(s) + 1 for s in sessions])
    prefixes = [items[:cut] for items, cut in zip(sessions, cuts, strict=True)]
    together = packed_hidden(model, sessions)
    for prefix, whole in zip(prefixes, together, strict=True):
        [alone] = packed_hidden(model, [prefix])
        torch.testing.assert_close(
            alone, whole[: len(prefix)], atol=rounding(model), rtol=1e-5
        )


def test_dropout_acts_in_training_only(model):
    items = [np.array([3, 1, 2])]
    [first], [second] = packed_hidden(model, items), packed_hidden(model, items)
    assert torch.equal(first, second)
    model.train()
    [first], [second] = packed_hidden(model, items), packed_hidden(model, items)
    model.eval()
    assert not torch.equal(first, second)
