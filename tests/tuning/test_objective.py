import numpy as np
import pytest
import torch

from reference.data import random_sessions
from reference.tuning import make_params
from tronrec.params import SystemParams
from tronrec.training.loop import Trainer, TrainingSessions, fit
from tronrec.tuning.objective import choose_train, newest

cpu = torch.device("cpu")

SYSTEM = SystemParams.model_validate(
    {
        "model": {"hidden_size": 8, "feed_forward": 8, "window": 6},
        "sampling": {"uniform": 20, "in_batch": 5, "top_k": 8},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 0.01},
    }
)


@pytest.fixture(scope="module")
def data() -> TrainingSessions:
    return TrainingSessions(
        random_sessions(0, sessions=40, num_items=25, longest=9),
        random_sessions(1, sessions=9, num_items=25, longest=8),
        num_items=25,
    )


@pytest.mark.parametrize("metric", ["mrr@20", "recall@20"])
def test_a_trial_is_the_training_of_its_system(data, metric):
    trainer = Trainer(SYSTEM, data, cpu)
    list(fit(trainer))
    values = [record.validation[metric] for record in trainer.history]
    epochs = list(choose_train(make_params(metric=metric), data, cpu)(SYSTEM))
    assert [epoch.metric for epoch in epochs] == values
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert [epoch.last for epoch in epochs] == [False, False, True]
    assert epochs[-1].best == values[trainer.best_epoch - 1]
    assert 0 < epochs[0].seconds < epochs[1].seconds < epochs[2].seconds


def test_a_trial_may_learn_from_the_newest_sessions_only(data):
    part = TrainingSessions(newest(data.fit, 10), data.validation, data.num_items)
    trainer = Trainer(SYSTEM, part, cpu)
    list(fit(trainer))
    epochs = list(choose_train(make_params(sessions=10), data, cpu)(SYSTEM))
    assert [epoch.metric for epoch in epochs] == [
        record.validation["mrr@20"] for record in trainer.history
    ]


def test_a_trial_has_the_members_of_the_whole_log(data, monkeypatch):
    made = []
    monkeypatch.setattr(
        "tronrec.tuning.objective.Trainer", lambda system, *_: made.append(system)
    )
    rule = {"members": 3, "member_clicks": 2 * len(data.fit.items)}
    model = SYSTEM.model.model_copy(update=rule)
    train = choose_train(make_params(sessions=10), data, cpu)
    with pytest.raises(AttributeError):
        next(iter(train(SYSTEM.model_copy(update={"model": model}))))
    assert made[0].model.members == 2


@pytest.mark.parametrize("count", [1, 7, 40, 99])
def test_the_newest_sessions_are_the_last(data, count):
    sessions = data.fit
    found = newest(sessions, count)
    listed = np.split(sessions.items, sessions.offsets[1:-1])[-count:]
    assert len(found) == min(count, 40)
    ours = np.split(found.items, found.offsets[1:-1])
    assert all(map(np.array_equal, ours, listed))
