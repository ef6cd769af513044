import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from reference.gru import hidden_states
from tronrec.batches import SessionBatches
from tronrec.data.packed import PackedSessions
from tronrec.models.layout import Layout
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams

PARAMS = ModelParams(
    encoder="gru", hidden_size=12, layers=2, window=9, dropout=0.5, item_bias=True
)


@pytest.fixture(scope="module")
def model() -> Recommender:
    torch.manual_seed(0)
    model = Recommender(PARAMS, 40)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model.eval()


def packed_hidden(model: Recommender, sessions: PackedSessions) -> list[torch.Tensor]:
    """Return the hidden states of all but the last clicks, in one packed batch."""
    offsets = sessions.offsets
    batches = SessionBatches(sessions, torch.device("cpu"))
    batch = batches.batch(offsets[:-1], offsets[1:])
    with torch.no_grad():
        hidden = model(batch.clicks[batch.inputs], batch.layout)
    return list(hidden.split((np.diff(offsets) - 1).tolist()))


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_matches_one_click_at_a_time(model, seed, count):
    packed = random_sessions(seed, sessions=count, num_items=40, longest=9)
    sessions = np.split(packed.items, packed.offsets[1:-1])
    for items, hidden in zip(sessions, packed_hidden(model, packed), strict=True):
        with torch.no_grad():
            expected = hidden_states(model, torch.tensor(items[:-1]))
        torch.testing.assert_close(hidden.double(), expected, atol=1e-5, rtol=1e-5)


def test_an_items_bias_is_added_to_its_score(model):
    hidden = packed_hidden(
        model, random_sessions(0, sessions=3, num_items=40, longest=9)
    )[0]
    table = model.item_embeddings
    scores = hidden[:, :-1] @ table[:, :-1].T + table[:, -1]
    torch.testing.assert_close(hidden @ table.T, scores)


def single(*positions: int) -> Layout:
    return Layout(torch.arange(len(positions)), torch.tensor(positions), 1)


def test_a_run_goes_on_from_the_state_it_left(model):
    """Click by click in training as all at once; a new session starts empty."""
    quiet = PARAMS.model_copy(update={"dropout": 0.0})
    stepwise = Recommender(quiet, 40).train()
    stepwise.load_state_dict(model.state_dict())
    first, second, third = (torch.tensor(s) for s in ([3, 1, 4], [1, 5], [9, 2]))
    with torch.no_grad():
        steps = [
            stepwise(torch.tensor([3, 1]), single(0, 0)),
            stepwise(torch.tensor([1, 5]), single(1, 1)),
            stepwise(torch.tensor([4, 9]), single(2, 0)),
            stepwise(torch.tensor([2]), single(0)),
        ]
        whole = [hidden_states(model, items) for items in (first, second, third)]
    lanes = torch.stack([step[0] for step in steps[:3]])
    torch.testing.assert_close(lanes.double(), whole[0], atol=1e-5, rtol=1e-5)
    lanes = torch.stack([step[1] for step in steps[:2]])
    torch.testing.assert_close(lanes.double(), whole[1], atol=1e-5, rtol=1e-5)
    for hidden, start in ((steps[2][1], third[:1]), (steps[3][0], third[1:])):
        with torch.no_grad():
            alone = hidden_states(model, start)[0]
        torch.testing.assert_close(hidden.double(), alone, atol=1e-5, rtol=1e-5)


def test_no_gradient_flows_into_earlier_steps(model):
    model.train()
    vectors = [torch.randn(2, 13, requires_grad=True) for _ in range(2)]
    model.encode(vectors[0], single(0, 0))
    model.encode(vectors[1], single(1, 1)).sum().backward()
    model.eval()
    assert vectors[0].grad is None
    assert vectors[1].grad is not None


def test_dropout_acts_in_training_only(model):
    packed = random_sessions(0, sessions=3, num_items=40, longest=9)
    first, second = packed_hidden(model, packed), packed_hidden(model, packed)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    model.train()
    first, second = packed_hidden(model, packed), packed_hidden(model, packed)
    model.eval()
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
