import copy
import math

import numpy as np
import pytest
import torch

from reference.data import random_sessions
from tronrec.checkpoint import EpochRecord
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.evaluation.metrics import measure
from tronrec.params import SystemParams, TrainingParams
from tronrec.training.history import best_epoch
from tronrec.training.loop import Trainer, TrainingSessions, fit
from tronrec.training.schedule import learning_rate
from tronrec.training.state import resume, save_state

cpu = torch.device("cpu")
EMPTY = PackedSessions(np.zeros(0, np.int32), np.zeros(1, np.int64))


def make_params(**training: object) -> SystemParams:
    return SystemParams.model_validate(
        {
            "model": {"hidden_size": 8, "feed_forward": 8, "window": 6, "dropout": 0.2},
            "sampling": {"uniform": 20, "in_batch": 5, "top_k": 8},
            "training": {
                "epochs": 4,
                "batch_size": 8,
                "learning_rate": 0.01,
                "warmup_steps": 0,
                "schedule": "constant",
            }
            | training,
        }
    )


def make_data(validation: bool = True) -> TrainingSessions:
    held_out = random_sessions(1, sessions=9, num_items=25, longest=8)
    return TrainingSessions(
        random_sessions(0, sessions=40, num_items=25, longest=9),
        held_out if validation else EMPTY,
        num_items=25,
    )


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return save_state(trainer).tensors


def assert_same(ours: Trainer, theirs: Trainer) -> None:
    assert weights(ours).keys() == weights(theirs).keys()
    for name, tensor in weights(ours).items():
        assert torch.equal(tensor, weights(theirs)[name]), name
    times = {"seconds", "evaluation_seconds"}
    for record, other in zip(ours.history, theirs.history, strict=True):
        assert record.model_dump(exclude=times) == other.model_dump(exclude=times)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("done", [1, 3])
def test_a_resumed_run_ends_as_an_unbroken_one(schedule, done):
    params, data = make_params(schedule=schedule, warmup_steps=3), make_data()
    unbroken = Trainer(params, data, cpu)
    checkpoints = [copy.deepcopy(save_state(state)) for state in fit(unbroken)]
    torch.manual_seed(99)
    resumed = Trainer(params, data, cpu)
    saved = checkpoints[done - 1]
    assert len(saved.state.history) == done
    assert resume(resumed, saved)
    assert len(list(fit(resumed))) == 4 - done
    assert_same(resumed, unbroken)


def test_the_seed_decides():
    def train(seed: int) -> torch.Tensor:
        trainer = Trainer(make_params(epochs=1, seed=seed), make_data(), cpu)
        list(fit(trainer))
        return trainer.model.item_embeddings

    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))


def test_training_lowers_the_loss():
    pairs = np.repeat(np.arange(1, 25, 2), 4)
    items = np.stack([pairs, pairs + 1], 1).astype(np.int32).ravel()
    sessions = PackedSessions(items, np.arange(0, len(items) + 1, 2))
    trainer = Trainer(
        make_params(epochs=25), TrainingSessions(sessions, sessions, 25), cpu
    )
    list(fit(trainer))
    assert trainer.history[-1].loss < trainer.history[0].loss / 2
    assert trainer.history[-1].validation["mrr@20"] > 0.9


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.02}, "training.learning_rate"),
        ({"schedule": "cosine"}, "training.schedule"),
        ({"epochs": 1}, "training.epochs"),
    ],
)
def test_a_checkpoint_of_other_parameters_is_not_used(changes, named, caplog):
    trainer = Trainer(make_params(), make_data(), cpu)
    states = fit(trainer)
    next(states)
    next(states)
    other = Trainer(make_params(**changes), make_data(), cpu)
    assert not resume(other, save_state(trainer))
    assert named in caplog.text
    assert other.epoch == 0


def test_a_checkpoint_of_other_data_is_not_used(caplog):
    trainer = Trainer(make_params(epochs=1), make_data(), cpu)
    list(fit(trainer))
    other = Trainer(make_params(epochs=1), make_data(validation=False), cpu)
    assert not resume(other, save_state(trainer))
    assert "validation" in caplog.text


def test_more_epochs_or_patience_go_on_from_a_checkpoint():
    trainer = Trainer(make_params(epochs=2), make_data(), cpu)
    list(fit(trainer))
    other = Trainer(make_params(epochs=3, patience=3), make_data(), cpu)
    assert resume(other, save_state(trainer))
    assert [state.epoch for state in fit(other)] == [3]


def records(*validation: dict[str, float]) -> list[EpochRecord]:
    same = {"step": 1, "seconds": 1, "evaluation_seconds": 1, "loss": 1}
    return [
        EpochRecord(epoch=number, learning_rate=1, validation=metrics, **same)
        for number, metrics in enumerate(validation, start=1)
    ]


def test_the_best_epoch_is_the_first_of_the_best():
    scores = [{"mrr@20": mrr} for mrr in (0.1, 0.3, 0.3, 0.2)]
    assert best_epoch(records(*scores), "mrr@20") == 2
    other = {"mrr@20": 0.1, "recall@20": 0.5}, {"mrr@20": 0.3, "recall@20": 0.4}
    assert best_epoch(records(*other), "recall@20") == 1
    assert best_epoch(records({}, {}), "mrr@20") == 2
    assert best_epoch(records({"mrr@20": 0.1}, {}), "mrr@20") == 1
    assert best_epoch([], "mrr@20") == 0


@pytest.mark.parametrize(("min_steps", "passes"), [(1, 1), (5, 1), (6, 2), (14, 3)])
def test_an_epoch_is_as_many_passes_as_its_steps_need(min_steps, passes, monkeypatch):
    data = make_data()
    trainer = Trainer(make_params(min_steps=min_steps), data, cpu)
    seen: list[torch.Tensor] = []
    update = trainer.update

    def spy(batch, *rest):
        seen.append(batch.clicks)
        return update(batch, *rest)

    monkeypatch.setattr(trainer, "update", spy)
    trainer.run_epoch()
    assert trainer.history[0].step == len(seen) == 5 * passes
    one = [np.sort(np.concatenate(seen[at : at + 5])) for at in range(0, len(seen), 5)]
    assert all(np.array_equal(part, one[0]) for part in one)
    assert len(one[0]) == np.minimum(np.diff(data.fit.offsets), 7).sum()
    orders = {tuple(np.concatenate(seen[at : at + 5])) for at in range(0, len(seen), 5)}
    assert len(orders) == passes


@pytest.mark.parametrize("choose_by", ["mrr@20", "recall@20", "both"])
def test_patience_stops_and_the_best_weights_are_kept(choose_by):
    params = make_params(epochs=50, patience=2, choose_by=choose_by)
    trainer = Trainer(params, make_data(), cpu)
    best = {}
    for state in fit(trainer):
        if state.best_epoch == state.epoch:
            best = {k: v.clone() for k, v in state.model.state_dict().items()}
    assert trainer.epoch == trainer.best_epoch + 2 < 50
    names = ["mrr@20", "recall@20"] if choose_by == "both" else [choose_by]
    scores = [
        math.prod(epoch.validation[name] for name in names) for epoch in trainer.history
    ]
    assert scores[trainer.best_epoch - 1] == max(scores)
    kept = save_state(trainer).best_weights()
    assert all(torch.equal(best[name], kept[name]) for name in best)


def test_without_validation_the_last_epoch_is_taken():
    trainer = Trainer(make_params(epochs=2), make_data(validation=False), cpu)
    list(fit(trainer))
    kept = save_state(trainer)
    assert trainer.best_epoch == 2
    assert not kept.part("best")
    assert torch.equal(
        kept.best_weights()["item_embeddings"], trainer.model.item_embeddings
    )
    assert trainer.table()["validation_mrr@20"].to_list() == [None, None]


def test_learning_rate_warms_up_and_falls():
    params = TrainingParams(learning_rate=1, warmup_steps=4, schedule="cosine")
    rates = [learning_rate(params, step, 12) for step in range(1, 13)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1]
    assert rates[7] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0)
    constant = params.model_copy(update={"schedule": "constant"})
    assert learning_rate(constant, 12, 12) == 1


def test_item_rate_scales_the_steps_of_items_alone():
    moves = []
    for item_rate in (1, 3):
        trainer = Trainer(make_params(item_rate=item_rate), make_data(), cpu)
        before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
        order = np.random.default_rng(0)
        batches = trainer.batches.epoch(batch_size=8, window=6, generator=order)
        torch.manual_seed(0)
        trainer.model.train()
        trainer.update(next(batches), torch.Generator().manual_seed(0), 0.01)
        after = trainer.model.state_dict()
        moves.append({name: after[name] - before[name] for name in before})
    once, thrice = moves
    assert once["item_embeddings"].any()
    torch.testing.assert_close(
        thrice.pop("item_embeddings"), 3 * once.pop("item_embeddings")
    )
    assert all(torch.equal(thrice[name], once[name]) for name in once)


def test_a_diverging_loss_stops_with_the_remedy():
    trainer = Trainer(make_params(learning_rate=1e30), make_data(), cpu)
    with pytest.raises(UserError, match=r"lower training\.learning_rate"):
        list(fit(trainer))


def test_a_single_session_cannot_be_trained_on():
    one = random_sessions(0, sessions=1, num_items=5, longest=4)
    with pytest.raises(UserError, match="2 are needed"):
        Trainer(make_params(), TrainingSessions(one, EMPTY, 5), cpu)


def test_epochs_are_measured_on_a_sample_of_the_held_out():
    data = make_data()
    whole, some = (
        Trainer(make_params(**p), data, cpu) for p in ({}, {"validation_sessions": 4})
    )
    assert len(some.validation) == 4
    ranking = whole.workers.rank_targets(whole.model, whole.terms, some.validation, "")
    expected = measure(ranking, [20])
    assert some.validate() == {name: expected[name] for name in ("recall@20", "mrr@20")}
    assert some.validate() != whole.validate()
