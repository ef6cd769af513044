"""A training that starts from a model: what it keeps, draws and refuses."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference import trained
from reference.data import random_sessions
from tronrec.errors import UserError
from tronrec.evaluation.ranking import rank_targets
from tronrec.model_file import ModelFile
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, ParallelParams, SystemParams
from tronrec.training import launch
from tronrec.training.loop import Trainer, TrainingSessions
from tronrec.training.state import resume
from tronrec.training.warm_start import warm_start, warm_weights

ENCODERS = [{}, {"item_bias": True}, {"temperature": 0.1, "readout": "items"}]
ENCODERS += [{"encoder": "gru"}]


def warm_model(former: ModelFile, ids: pl.Series, seed: int = 0) -> Recommender:
    params = former.card.parameters.model
    model = Recommender(params, len(ids))
    model.load_state_dict(warm_weights(params, seed, former, ids))
    return model


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_rows_are_those_of_a_loop_over_ids(encoder, text):
    former = trained.make_file(1, text=text, **encoder)
    known = former.item_ids.sample(25, shuffle=True, seed=3)
    unknown = ["zero", "new"] if text else [3, -4]
    ids = pl.concat([known[:10], pl.Series(unknown), known[10:]])
    warm = warm_model(former, ids, seed=7)
    torch.manual_seed(7)
    fresh = Recommender(former.card.parameters.model, len(ids))
    old = former.item_ids.to_list()
    for number, item in enumerate(ids, start=1):
        expected = fresh.item_embeddings[number]
        if item not in unknown:
            expected = former.model.item_embeddings[old.index(item) + 1]
        assert torch.equal(warm.item_embeddings[number], expected)
    assert torch.equal(warm.item_embeddings[0], former.model.item_embeddings[0])
    assert warm.encoder.state_dict().keys() == former.model.encoder.state_dict().keys()
    for name, weights in former.model.encoder.state_dict().items():
        assert torch.equal(warm.encoder.state_dict()[name], weights)


@given(st.integers(0, 99), st.permutations(range(trained.ITEMS)))
def test_with_the_same_items_it_ranks_as_the_model_did(seed, order):
    """In whatever order they are numbered now."""
    former = trained.make_file(seed, plain=True)
    warm = warm_model(former, former.item_ids[order])
    sessions = random_sessions(seed, sessions=9, num_items=trained.ITEMS, longest=9)
    numbers = 1 + np.argsort(order)  # of the same items, now
    renamed = type(sessions)(
        numbers[sessions.items - 1].astype(np.int32), sessions.offsets
    )
    before, after = (
        rank_targets(model, former.terms, clicks, depth=40).ranks
        for model, clicks in ((former.model, sessions), (warm, renamed))
    )
    assert np.array_equal(before, after)


def make_start(former: ModelFile, ids: pl.Series, **training: object):
    system = SystemParams.model_validate(
        {
            "model": former.card.parameters.model.model_dump(),
            "sampling": {"uniform": 20, "in_batch": 5, "top_k": 8},
            "training": {"batch_size": 8, "epochs": 2} | training,
        }
    )
    fit, held_out = (
        random_sessions(seed, sessions=30, num_items=len(ids), longest=6)
        for seed in (0, 1)
    )
    sessions = TrainingSessions(fit, held_out, len(ids), "origin")
    return system, sessions, warm_start(system, sessions, former, ids)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_a_training_goes_on_from_it_with_optimisers_as_new(optimizer):
    former = trained.make_file(plain=True)
    system, sessions, start = make_start(
        former, former.item_ids, optimizer=optimizer, learning_rate=1e-3
    )
    trainer = Trainer(system, sessions, torch.device("cpu"))
    new = trainer.encoder_optimizer.state_dict()
    assert resume(trainer, start)
    assert trainer.epoch == 0
    assert torch.equal(trainer.model.item_embeddings, former.model.item_embeddings)
    assert str(trainer.encoder_optimizer.state_dict()) == str(new)
    trainer.run_epoch()
    moved = (trainer.model.item_embeddings - former.model.item_embeddings).abs()
    assert 0 < moved.max() < 0.1


@pytest.mark.parametrize("processes", [1, 2])
def test_any_number_of_processes_goes_on_from_it(processes):
    former = trained.make_file(plain=True, dropout=0)
    system, sessions, start = make_start(former, former.item_ids, epochs=1)
    alone = Trainer(system, sessions, torch.device("cpu"))
    resume(alone, start)
    alone.run_epoch()
    *_, last = launch.train_system(
        system,
        sessions,
        device="cpu",
        parallel=ParallelParams(processes=processes),
        last=start,
    )
    [epoch] = last.state.history
    assert epoch.loss == pytest.approx(alone.history[0].loss, rel=1e-5)
    assert last.state.data.origin == "origin"


def test_dropout_may_change_and_the_architecture_may_not():
    former = trained.make_file()
    params = former.card.parameters.model.model_dump()
    ids = former.item_ids
    warm_weights(ModelParams(**(params | {"dropout": 0.4})), 0, former, ids)
    with pytest.raises(UserError) as error:
        changed = {"hidden_size": 16, "window": 9}
        warm_weights(ModelParams(**(params | changed)), 0, former, ids)
    assert str(error.value) == (
        "The model was trained with model.hidden_size = 8 (now 16), model.window = 6 "
        "(now 9), and its weights fit nothing else: set it back, or train anew with "
        "the train_* pipeline"
    )


def test_ids_of_another_type_are_no_others():
    former = trained.make_file(text=True)
    with pytest.raises(UserError, match="ids are text, and those of the log are whole"):
        warm_model(former, pl.Series([100, 101]))
