from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from reference.tuning import SESSIONS, SPACE, make_params, open_in
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.params import AS_CONFIGURED, SystemParams
from tronrec.tuning.storage import StudyStorage
from tronrec.tuning.study import open_study

EMPTY = PackedSessions(np.zeros(0, np.int32), np.zeros(1, np.int64))


def test_a_study_is_opened_again_under_its_name(tmp_path):
    assert open_in(tmp_path).load().study_name == "otto.tuning"
    assert open_in(tmp_path, trials=99, seed=3).load().study_name == "otto.tuning"
    assert open_in(tmp_path, study="other").load().study_name == "otto.other"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"metric": "recall@20"}, "tuning.metric"),
        ({"epochs": 3}, "training.epochs"),
        ({"sessions": 10}, "tuning.sessions"),
        (
            {"base": SystemParams.model_validate({"model": {"layers": 1}})},
            "model.layers",
        ),
        ({"space": {"loss": {"name": {"choices": ["bce"]}}}}, "tuning.space.loss.name"),
    ],
)
def test_trials_that_cannot_be_compared_are_refused(tmp_path, changes, named):
    open_in(tmp_path)
    with pytest.raises(UserError, match=f"{named}: set tuning.study to a new name"):
        open_in(tmp_path, **changes)


def test_a_range_may_change_and_a_parameter_may_be_added(tmp_path):
    open_in(tmp_path)
    rate = {"learning_rate": {"low": 1e-5, "high": 1, "log": True}}
    dropout = {"dropout": {"low": 0, "high": 0.5}}
    open_in(tmp_path, space=SPACE | {"training": rate, "model": dropout})


def test_other_sessions_are_another_study(tmp_path):
    open_in(tmp_path)
    other = PackedSessions(np.array([2, 1], np.int32), np.array([0, 2]))
    storage = StudyStorage(tmp_path, "otto")
    with pytest.raises(UserError, match="other values of validation:"):
        open_study(storage, make_params(), SystemParams(), SESSIONS, other)


def test_there_must_be_something_to_measure_on(tmp_path):
    storage = StudyStorage(tmp_path, "otto")
    with pytest.raises(UserError, match=r"raise splitting\.validation_days"):
        open_study(storage, make_params(), SystemParams(), SESSIONS, EMPTY)


def test_there_must_be_something_to_search(tmp_path):
    with pytest.raises(UserError, match=r"tuning\.space is empty"):
        open_in(tmp_path, space={})


def test_a_database_that_cannot_be_reached_is_explained(tmp_path):
    url = "sqlite:////nowhere/study.db"
    with pytest.raises(UserError, match="cannot be used") as caught:
        StudyStorage(tmp_path, "otto", url).open(make_params(), 1)
    assert url not in repr(StudyStorage(tmp_path, "otto", url))
    assert "unable to open" in str(caught.value)


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_workers_that_start_together_open_one_new_study(tmp_path, storage):
    warm = {"near": SystemParams()}
    with ThreadPoolExecutor(4) as threads:
        for attempt in range(5):
            started = [
                threads.submit(
                    open_in, tmp_path / str(attempt), storage=storage, warm_start=warm
                )
                for _ in range(4)
            ]
            (trial,) = [opened.result() for opened in started][-1].load().trials
            assert trial.user_attrs["warm_start"] == "near"


def test_a_system_tried_first_is_queued_again_when_it_changed(tmp_path):
    changed = SystemParams.model_validate({"training": {"learning_rate": 0.5}})
    for system in (SystemParams(), SystemParams(), changed, changed):
        warm = {AS_CONFIGURED: system, "same": system}
        trials = open_in(tmp_path, warm_start=warm).load().trials
    rates = [t.user_attrs["system"]["training"]["learning_rate"] for t in trials]
    assert rates == [1e-3, 0.5]
