"""Ranking terms decide no weight: a change of them ranks anew and never retrains."""

import pytest
import torch

from reference.data import random_sessions
from tronrec.errors import UserError
from tronrec.evaluation.metrics import measure
from tronrec.evaluation.ranking import rank_targets
from tronrec.params import SystemParams
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.training.loop import Trainer, TrainingSessions, fit
from tronrec.training.state import (
    choose_last,
    keep_best_in,
    load_best,
    resume,
    save_state,
    train,
)

cpu = torch.device("cpu")
DATA = TrainingSessions(
    random_sessions(0, sessions=40, num_items=25, longest=9),
    random_sessions(1, sessions=30, num_items=25, longest=8),
    num_items=25,
)
OTHER = {"trend": 0.7, "repeat_gains": [0, 5, 2]}


def make_params(**blocks: object) -> SystemParams:
    small = {
        "model": {"hidden_size": 8, "feed_forward": 8, "window": 6},
        "sampling": {"uniform": 20, "in_batch": 5, "top_k": 8},
        "training": {"epochs": 5, "batch_size": 8, "learning_rate": 0.02},
    }
    return SystemParams.model_validate(small | blocks)


@pytest.fixture
def finished():
    trainer = Trainer(make_params(), DATA, cpu)
    list(fit(trainer))
    return save_state(trainer)


def test_other_ranking_terms_train_nothing(finished):
    trainer = Trainer(make_params(ranking=OTHER), DATA, cpu)
    [state] = list(train(trainer, finished))
    assert state.epoch == 5
    kept = save_state(trainer)
    for part in ("model", "item_optimizer", "encoder_optimizer"):
        for name, tensor in finished.part(part).items():
            assert torch.equal(tensor, kept.part(part)[name])


def test_the_epoch_is_chosen_anew_among_the_weights_there_are(finished):
    trainer = Trainer(make_params(ranking=OTHER), DATA, cpu)
    assert resume(trainer, finished)
    history = finished.state.history
    before = max(history, key=lambda record: record.validation["mrr@20"]).epoch
    measured = [record.epoch for record in trainer.history if record.validation]
    assert measured == sorted({before, 5})
    kept = save_state(trainer)
    model, _ = load_best(kept, 25, DATA.fit)
    terms = RankingTerms.count(trainer.params.ranking, 25, DATA.fit)
    found = measure(rank_targets(model, terms, DATA.validation), [20])
    best = trainer.history[trainer.best_epoch - 1].validation
    assert best == {name: found[name] for name in best}
    assert best["mrr@20"] == max(
        record.validation["mrr@20"] for record in trainer.history if record.validation
    )


def test_the_members_of_a_training_are_those_of_its_log():
    clicks = len(DATA.fit.items)
    shape = {"hidden_size": 8, "feed_forward": 8, "window": 6}
    rule = shape | {"members": 3, "member_clicks": 2 * clicks}
    trainer = Trainer(make_params(model=rule), DATA, cpu)
    assert trainer.params.model.members == 2
    kept = save_state(trainer)
    assert kept.state.parameters == make_params(model=shape | {"members": 2})
    checkpoints = {"another": pytest.fail, kept.state.key: lambda: kept}
    assert choose_last(checkpoints, make_params(model=rule), DATA) is kept


def test_the_terms_it_was_trained_with_are_measured_once(finished):
    trainer = Trainer(make_params(), DATA, cpu)
    assert resume(trainer, finished)
    assert tuple(trainer.history) == finished.state.history


def test_a_changed_parameter_is_named_once(finished, caplog):
    shorter = {"epochs": 3, "batch_size": 8, "learning_rate": 0.02}
    trainer = Trainer(make_params(training=shorter), DATA, cpu)
    assert not resume(trainer, finished)
    assert caplog.text.count("training.epochs") == 1


def make_impatient() -> Trainer:
    """Return a training whose best epoch is not its last one."""
    training = {"epochs": 12, "patience": 2, "learning_rate": 0.1, "batch_size": 8}
    return Trainer(make_params(training=training), DATA, cpu)


def checkpoints_of(save):
    """Return what each epoch yields, and whether a file has the best weights then."""
    trainer, found, mapped = make_impatient(), [], []
    for state in fit(trainer):
        checkpoint = save_state(state)
        save(checkpoint)
        found.append({name: t.clone() for name, t in checkpoint.tensors.items()})
        keep_best_in(state, checkpoint)
        mapped.append(trainer.best_weights is not None)
    assert 1 < trainer.best_epoch < trainer.epoch
    return found, mapped


def test_best_weights_may_lie_in_the_saved_file(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    expected, _ = checkpoints_of(lambda checkpoint: None)
    found, mapped = checkpoints_of(lambda checkpoint: checkpoint.save(path))
    assert all(mapped)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_file_that_is_no_longer_the_own_one_is_not_used(change, tmp_path, finished):
    path = tmp_path / "checkpoint.safetensors"

    def save(checkpoint):
        checkpoint.save(path)
        finished.save(path) if change == "replaced" else path.unlink()

    expected, _ = checkpoints_of(lambda checkpoint: None)
    found, _ = checkpoints_of(save)
    for ours, theirs in zip(found, expected, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_file_that_somebody_writes_over_is_noticed(tmp_path):
    path, trainer = tmp_path / "checkpoint.safetensors", make_impatient()
    with pytest.raises(UserError, match="was overwritten while it went on"):
        for state in fit(trainer):
            checkpoint = save_state(state)
            checkpoint.save(path)
            keep_best_in(state, checkpoint)
            with path.open("r+b") as file:
                file.seek(8 + int.from_bytes(file.read(8), "little"))
                file.write(bytes(path.stat().st_size - file.tell()))
    assert trainer.best_epoch < trainer.epoch
