"""The states that count are those of the encoder, however little of it is computed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.batches import SessionBatches
from tronrec.models.recommender import Recommender
from tronrec.models.repeated_rows import RepeatedRows
from tronrec.params import ModelParams
from tronrec.retrieval import states as module
from tronrec.retrieval.states import states_that_count

MODELS = {
    "tron": {},
    "one layer": {"layers": 1},
    "heads": {"heads": 3, "layers": 3},
    "cosine": {"temperature": 0.5, "readout": "items"},
    "both": {"temperature": 0.5, "readout": "both", "layers": 1},
    "gru": {"encoder": "gru", "item_bias": True},
}


@pytest.fixture(scope="module", params=MODELS)
def model(request) -> Recommender:
    torch.manual_seed(0)
    params = ModelParams.model_validate(
        {"hidden_size": 12, "feed_forward": 20, "window": 9} | MODELS[request.param]
    )
    model = Recommender(params, 40)
    for parameter in model.parameters():  # norms and biases are not 1 and 0 any more
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model.eval()


@settings(max_examples=25)
@given(
    st.integers(0, 2**32), st.integers(1, 60), st.booleans(), st.sampled_from([3, 40])
)
@torch.no_grad()
def test_states_are_those_of_all_rows(model, seed, count, equal, items):
    """Where all, some or only the last events of a session count, or none."""
    generator = np.random.default_rng(seed)
    packed = random_sessions(seed, sessions=count, num_items=items, longest=10)
    starts, ends = packed.offsets[:-1], packed.offsets[1:]
    if equal:
        starts = np.maximum(ends[9:] - 10, 0)  # windows that overlap
        ends = starts + 10
    if not len(starts):
        return
    batch = SessionBatches(packed, torch.device("cpu")).batch(starts, ends)
    ends_only = torch.zeros(len(batch), dtype=torch.bool)
    ends_only[batch.layout.ends] = True
    kind = torch.from_numpy(generator.integers(0, 4, len(starts)))[batch.layout.session]
    some = torch.from_numpy(generator.random(len(batch)) < 0.5)
    counted = (kind == 0) | (kind == 1) & ends_only | (kind == 2) & some
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", 0)
        patch.setattr(module, "ROWS", int(generator.integers(1, 200)))
        found = states_that_count(model, batch, counted)
        only_ends = states_that_count(model, batch, ends_only)
    states = model(batch.clicks[batch.inputs], batch.layout)
    torch.testing.assert_close(found, states[counted], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(only_ends, states[ends_only], atol=1e-5, rtol=1e-5)


@given(st.integers(0, 2**32))
def test_vectors_are_projected_in_place_of_rows(seed):
    torch.manual_seed(seed)
    norm, linear = torch.nn.LayerNorm(12).double(), torch.nn.Linear(12, 7).double()
    for weights in norm.parameters():
        torch.nn.init.normal_(weights)
    vectors, places = torch.randn(5, 12).double(), torch.randn(4, 12).double()
    row, position = torch.randint(5, (30,)), torch.randint(4, (30,))
    repeated = RepeatedRows(vectors, places, row, position)
    assert repeated.pays
    torch.testing.assert_close(repeated.rows, vectors[row] + places[position])
    expected = linear(norm(vectors[row] + places[position]))
    found = repeated.project(norm, linear.weight, linear.bias)
    torch.testing.assert_close(found, expected)
