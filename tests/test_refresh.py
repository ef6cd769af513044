"""A model goes on from newer clicks, and is replaced only by one that is no worse."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from reference import ranking, trained
from reference.data import random_sessions
from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.model_file import ModelFile
from tronrec.params import ParallelParams, RefreshParams, SystemParams
from tronrec.refresh import (
    Window,
    judge,
    refreshed_system,
    replace_if_better,
    train_on,
)
from tronrec.retrieval.trend import count_trend

SYSTEM = SystemParams.model_validate(
    {
        "model": trained.make_file().card.parameters.model.model_dump(),
        "sampling": {"uniform": 20, "in_batch": 5, "top_k": 8},
        "training": {"batch_size": 8, "learning_rate": 0.01, "warmup_steps": 0},
        "ranking": {"trend": 0.5, "trend_memory": 0.3},
    }
)
LAST: dict = {}


def walks(seed: int, sessions: int, items: int) -> PackedSessions:
    """Sessions in which an item leads to the next one: a rule that can be learned."""
    drawn = random_sessions(seed, sessions=sessions, num_items=items, longest=8)
    lengths = np.diff(drawn.offsets)
    starts = np.repeat(drawn.items[drawn.offsets[:-1]], lengths)
    steps = np.arange(len(starts)) - np.repeat(drawn.offsets[:-1], lengths)
    return PackedSessions(
        ((starts + steps) % items + 1).astype(np.int32), drawn.offsets
    )


def make_window(seed: int = 0, sessions: int = 60) -> Window:
    """Days with 30 items that the model knows and 5 that it does not."""
    known = [f"sku-{number:04}" for number in range(100, 130)]
    items = pl.DataFrame({"item_id": [*known, *"abcde"], "count": [3] * 35})
    return Window(walks(seed, sessions, 35), walks(seed + 1, 20, 35), items)


def refresh(
    former: Checkpoint, window: Window, tolerance: float = 0, last=None, **params
) -> tuple[Checkpoint, Checkpoint, dict]:
    """Return what was trained, the model that is in use after it, and the record."""
    params = RefreshParams(**{"epochs": 2} | params)
    *_, checkpoint = train_on(
        window,
        former,
        refreshed_system(SYSTEM, params, former.card),
        device="cpu",
        parallel=ParallelParams(),
        last=last or LAST,
    )
    options = {"name": "mine", "device": "cpu", "batch_size": 64}
    model, record = replace_if_better(former, checkpoint, window, tolerance, **options)
    json.dumps(record, allow_nan=False)
    return checkpoint, model, record


@pytest.fixture(scope="module")
def former() -> Checkpoint:
    return trained.make_file(3).checkpoint()


def test_a_better_model_takes_the_place(former):
    window = make_window()
    _, model, record = refresh(former, window, epochs=5)
    assert record["decision"] == "replaced"
    assert record["items"] == {"known": 30, "new": 5, "gone": 10}
    assert len(record["epochs"]) == 5
    file = ModelFile.read(model)
    assert file.item_ids.to_list() == window.items["item_id"].to_list()
    new = record["metrics"]["new"]
    assert file.card.validation == {key: new[key] for key in ("recall@20", "mrr@20")}
    assert new["recall@20"] > record["metrics"]["former"]["recall@20"]
    assert 0 < record["metrics"]["former"]["mrr@20_p"] <= 1
    assert "The new model takes the former one's place; on the newest" in record["why"]


def test_a_refresh_has_the_members_of_the_former_model(former):
    model = SYSTEM.model.model_copy(update={"members": 5, "member_clicks": 10})
    system = SYSTEM.model_copy(update={"model": model})
    found = refreshed_system(system, RefreshParams(), former.card)
    assert found.model == SYSTEM.model


def test_the_trend_is_of_all_clicks_in_use_and_of_earlier_ones_in_the_judgement(former):
    window = make_window()
    checkpoint, model, record = refresh(former, window, tolerance=1)
    parts = [window.fit.items, window.held_out.items]
    assert torch.equal(model.tensors["trend"], count_trend(parts, 35, 0.3))
    file = ModelFile.read(model)
    terms = type(file.terms)(file.terms.params, count_trend(parts[:1], 35, 0.3))
    slow = np.array(ranking.ranks(file.model, terms, window.held_out))
    assert record["metrics"]["new"]["recall@20"] == np.mean(slow <= 20)
    assert record["events"] == len(slow)
    assert all(not epoch.validation for epoch in checkpoint.state.history)


@pytest.mark.parametrize(
    ("tolerance", "words"),
    [
        (-1, "is not better by 1, as refresh.tolerance asks for; on the newest"),
        (-0.5, "is not better by 0.5, as refresh.tolerance asks for"),
    ],
)
def test_a_model_that_is_not_good_enough_changes_nothing(former, tolerance, words):
    _, model, record = refresh(former, make_window(), tolerance)
    assert model is former
    assert record["decision"] == "kept"
    assert f"The former model stays: the new one {words}" in record["why"]


def test_a_model_that_has_unlearned_is_refused(former):
    """Trained on noise, it is worse than the one that has learned the rule."""
    good = refresh(former, make_window(sessions=200), tolerance=1, epochs=10)[1]
    noise = random_sessions(9, sessions=200, num_items=35, longest=8)
    window = make_window()
    _, model, record = refresh(
        good, Window(noise, window.held_out, window.items), epochs=10, tolerance=0.01
    )
    assert model is good
    assert "is worse by more than refresh.tolerance (0.01)" in record["why"]
    assert record["metrics"]["former"]["mrr@20_p"] < 0.05


def test_either_metric_refuses(former, monkeypatch):
    results = {"new": {"recall@20": 0.5, "mrr@20": 0.1}}
    for recall, mrr, decision in [
        (0.52, 0.0, "kept"),
        (0.1, 0.12, "kept"),
        (0.51, 0.11, "replaced"),
    ]:
        both = results | {"former": {"recall@20": recall, "mrr@20": mrr}}
        monkeypatch.setattr("tronrec.refresh.judge", lambda *_, both=both, **__: both)
        record = refresh(former, make_window(), tolerance=0.0101)[2]
        assert record["decision"] == decision


def test_both_models_rank_the_same_events(former):
    file = ModelFile.read(former)
    window = make_window()
    results = judge(file, file, window, device="cpu", batch_size=9)
    assert results["new"]["recall@20"] == results["former"]["recall@20"]
    assert results["former"]["recall@20_p"] == 1


def test_without_new_clicks_nothing_is_trained(former):
    window = make_window()
    _, model, first = refresh(former, window, tolerance=1)
    assert first["decision"] == "replaced"
    checkpoint, again, record = refresh(model, window, tolerance=1)
    assert again is model
    assert not checkpoint.state.history
    assert record["decision"] == "nothing new"
    later = Window(window.fit, walks(8, 20, 35), window.items)
    assert refresh(model, later, tolerance=1)[2]["decision"] == "replaced"


def test_an_interrupted_training_is_gone_on_with_from_the_same_model_only(former):
    window, states = make_window(), []
    params = refreshed_system(SYSTEM, RefreshParams(epochs=3), former.card)
    options = {"device": "cpu", "parallel": ParallelParams()}
    for state in train_on(window, former, params, last={}, **options):
        tensors = {name: tensor.clone() for name, tensor in state.tensors.items()}
        states.append(Checkpoint(tensors, state.facts))
    last = {states[0].state.key: lambda: states[0]}
    again = [*train_on(window, former, params, last=last, **options)]
    assert len(again) == 2
    for name, tensor in states[-1].tensors.items():
        assert torch.equal(again[-1].tensors[name], tensor)
    other = trained.make_file(4).checkpoint()
    card = other.card.model_copy(update={"epoch": 9})
    other = Checkpoint(other.tensors, card)
    assert len([*train_on(window, other, params, last=last, **options)]) == 3


def test_a_refresh_states_its_own_epochs_and_keeps_terms_that_were_calibrated(former):
    params = RefreshParams(epochs=4, learning_rate=0.02, warmup_steps=7)
    system = refreshed_system(SYSTEM, params, former.card)
    training = system.training
    assert (training.epochs, training.learning_rate) == (4, 0.02)
    assert training.warmup_steps == 7
    assert system.ranking == SYSTEM.ranking
    assert refreshed_system(SYSTEM, RefreshParams(), former.card).training == (
        SYSTEM.training.model_copy(update={"epochs": 2})
    )
    calibrated = SYSTEM.ranking.model_copy(update={"calibrate": True})
    configured = SYSTEM.model_copy(update={"ranking": calibrated})
    system = refreshed_system(configured, params, former.card)
    assert system.ranking == former.card.parameters.ranking
