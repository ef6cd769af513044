import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from optuna.trial import TrialState

from reference import tuning as reference
from reference.disks import no_file_above
from reference.tuning import open_in, train
from tronrec.errors import UserError
from tronrec.params import AS_CONFIGURED, SystemParams
from tronrec.tuning import search
from tronrec.tuning.search import Epoch, Search, is_finished
from tronrec.tuning.storage import OpenedStudy


def states(opened: OpenedStudy) -> list[str]:
    return [trial.state.name for trial in opened.load().trials]


def systems(opened: OpenedStudy) -> list[str]:
    trials = opened.load().trials
    return [str(trial.user_attrs["system"]) for trial in trials if is_finished(trial)]


def start_worker(folder: Path, trials: int, pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, reference.__file__, str(folder), str(trials), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_a_study_has_as_many_trials_as_asked_for(tmp_path, storage):
    for trials in (1, 1, 2):
        opened = open_in(tmp_path, trials=trials, storage=storage, pruner="none")
        Search(opened, train).run()
        assert states(opened) == ["COMPLETE"] * trials


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
@pytest.mark.parametrize("room", [0, 40, 400])
def test_a_full_disk_ends_a_search_that_goes_on_later(tmp_path, storage, room):
    """No trial is lost, and none counts that could not be written down."""
    opened = open_in(tmp_path, trials=12, storage=storage, pruner="none")
    file = tmp_path / {"sqlite": "study.db", "journal": "study.log"}[storage]
    disk = ExitStack()

    def train_without_room(system: SystemParams) -> Iterator[Epoch]:
        for epoch in train(system):
            if states(opened).count("COMPLETE") == 2 and epoch.number == 2:
                disk.enter_context(no_file_above(file.stat().st_size + room))
            yield epoch

    told = pytest.raises(UserError, match=r"cannot be used: .*(full|left|large|I/O)")
    with told, disk:
        Search(opened, train_without_room).run()
    *before, last = states(opened)
    assert (*before, last) == (*len(before) * ["COMPLETE"], "RUNNING")
    Search(opened, train).run()
    after = (12 - len(before)) * ["COMPLETE"]
    assert states(opened) == [*before, "FAIL", *after]
    assert len(systems(opened)) == len({*systems(opened)}) == 12
    failed, following = opened.load().trials[len(before) :][:2]
    if "system" in failed.user_attrs:  # otherwise it had none yet
        assert following.user_attrs["retry_of"] == failed.number


def test_half_a_line_of_a_killed_worker_goes(tmp_path):
    opened = open_in(tmp_path, trials=1)
    Search(opened, train).run()
    with (tmp_path / "study.log").open("ab") as file:
        file.write(b'{"op_code": 5' + 100_000 * b" ")
    assert states(opened) == ["COMPLETE"]
    Search(open_in(tmp_path, trials=3), train).run()
    assert states(opened) == 3 * ["COMPLETE"]
    lines = (tmp_path / "study.log").read_text().splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_a_damaged_line_is_shown(tmp_path):
    opened = open_in(tmp_path, trials=1)
    lines = (tmp_path / "study.log").read_bytes().splitlines(keepends=True)
    (tmp_path / "study.log").write_bytes(b"".join([lines[0], b"{oh no\n", *lines[1:]]))
    with pytest.raises(
        UserError, match=r"study\.log: no readable line .*oh no.*delete"
    ):
        opened.load()


def test_the_seed_decides(tmp_path):
    def found(name: str, seed: int, runs: tuple[int, ...]) -> list[str]:
        for trials in runs:
            opened = open_in(tmp_path / name, trials=trials, seed=seed)
            Search(opened, train).run()
        return systems(opened)

    unbroken = found("a", 1, (5,))
    assert found("b", 1, (2, 5)) == unbroken
    assert found("c", 2, (5,)) != unbroken


def test_a_trial_worse_than_the_others_is_pruned(tmp_path):
    opened = open_in(tmp_path, trials=12)
    Search(opened, train).run()
    pruned = [t for t in opened.load().trials if t.state == TrialState.PRUNED]
    assert pruned
    assert all(trial.user_attrs["epochs"] < 3 for trial in pruned)


def test_what_one_had_is_never_pruned(tmp_path):
    def train_badly(system: SystemParams) -> Iterator[Epoch]:
        poor = system.training.learning_rate == 0.5
        for epoch in train(system):
            yield replace(epoch, metric=-9, best=-9) if poor else epoch

    system = SystemParams.model_validate({"training": {"learning_rate": 0.5}})
    warm = {AS_CONFIGURED: system}
    Search(open_in(tmp_path, trials=12), train).run()
    opened = open_in(tmp_path, trials=13, warm_start=warm)
    Search(opened, train_badly).run()
    last = opened.load().trials[-1]
    assert last.user_attrs["warm_start"] == AS_CONFIGURED
    assert last.state == TrialState.COMPLETE


def test_with_two_objectives_none_is_pruned(tmp_path):
    opened = open_in(tmp_path, trials=8, objectives="accuracy_and_time")
    Search(opened, train).run()
    trials = opened.load().trials
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert {trial.values[1] for trial in trials} == {6.0}


@pytest.mark.parametrize("error", [MemoryError(), UserError("loss is nan")])
def test_a_failed_trial_is_recorded_and_skipped(tmp_path, caplog, error):
    def fail_once(system: SystemParams) -> Iterator[Epoch]:
        if not failed:
            failed.append(system)
            raise error
        yield from train(system)

    failed: list[SystemParams] = []
    opened = open_in(tmp_path, trials=3, pruner="none")
    Search(opened, fail_once).run()
    assert states(opened) == ["FAIL", "COMPLETE", "COMPLETE"]
    reason = opened.load().trials[0].user_attrs["error"]
    assert reason == (str(error) or "MemoryError")
    assert "Trial 0 failed" in caplog.text


def test_settings_that_do_not_go_together_are_a_failed_trial(tmp_path):
    space = {"sampling": {"uniform": {"choices": [0]}, "in_batch": {"choices": [0]}}}
    opened = open_in(tmp_path, trials=1, space=space)
    Search(opened, train).run()
    assert "no negatives" in opened.load().trials[0].user_attrs["error"]


def test_nothing_is_tried_twice(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    space = {"loss": {"name": {"choices": ["bce", "bpr_max", "sampled_softmax"]}}}
    warm = {"mine": SystemParams()}
    opened = open_in(tmp_path, space=space, warm_start=warm, pruner="none")
    Search(opened, train).run()
    assert sorted(systems(opened)) == sorted(set(systems(opened)))
    assert len(systems(opened)) == 3
    assert "gave no new setting" in caplog.text


def test_named_systems_are_tried_first_just_as_they_are(tmp_path):
    far = SystemParams.model_validate(
        {"training": {"learning_rate": 0.5, "epochs": 7}, "model": {"layers": 1}}
    )
    tried: list[SystemParams] = []

    def watch(system: SystemParams) -> Iterator[Epoch]:
        tried.append(system)
        yield from train(system)

    warm = {"near": SystemParams(), "far": far}
    for _ in range(2):  # the second run queues nothing
        opened = open_in(tmp_path, warm_start=warm, epochs=5, trials=3)
        Search(opened, watch).run()
    assert [system.training.epochs for system in tried] == [5, 5, 5]
    assert [system.model.layers for system in tried] == [2, 1, 2]
    assert tried[1].training.learning_rate == 0.5
    first, second, third = opened.load().trials
    assert first.params["training.learning_rate"] == 1e-3
    assert "training.learning_rate" not in second.params
    assert "warm_start" not in third.user_attrs


def test_a_queued_trial_outlives_a_narrower_range(tmp_path, recwarn):
    open_in(tmp_path, warm_start={"near": SystemParams()})
    space = {"training": {"learning_rate": {"low": 1e-2, "high": 1e-1, "log": True}}}
    opened = open_in(tmp_path, space=space, trials=1)
    Search(opened, train).run()
    [trial] = opened.load().trials
    assert trial.user_attrs["system"]["training"]["learning_rate"] == 1e-3
    assert trial.params == {}
    assert not recwarn.list


def test_time_is_a_limit(tmp_path, monkeypatch):
    clock = iter([0.0, 0.0, 59.0, 61.0])
    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=clock.__next__))
    opened = open_in(tmp_path, minutes=1, pruner="none")
    Search(opened, train).run()
    assert states(opened) == ["COMPLETE"] * 2


def test_two_kills_lose_no_trial_and_count_none_twice(tmp_path):
    for _ in range(2):
        worker = start_worker(tmp_path, trials=4, pause=0.2)
        assert worker.stdout is not None
        epochs = [worker.stdout.readline().strip() for _ in range(5)]
        assert epochs[4] == "2"  # in the middle of a second trial
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
    opened = open_in(tmp_path, trials=4, pruner="none")
    Search(opened, train).run()
    trials = opened.load().trials
    assert [trial.state.name for trial in trials].count("COMPLETE") == 4
    assert [trial.state.name for trial in trials].count("FAIL") == 2
    assert len(set(systems(opened))) == 4
    lost = {t.number: t for t in trials if t.state == TrialState.FAIL}
    retried = {t.user_attrs.get("retry_of"): t for t in trials}
    for number, trial in lost.items():
        assert retried[number].params == trial.params
    assert not list((tmp_path / "workers").iterdir())


def test_a_setting_that_kills_its_process_is_given_up(tmp_path):
    opened = open_in(tmp_path, trials=1)
    for _ in range(search.RETRIES + 1):
        pid = os.fork()
        if not pid:
            Search(opened, lambda _: os._exit(9)).run()
        os.waitpid(pid, 0)
    Search(opened, train).run()
    assert states(opened) == ["FAIL"] * (search.RETRIES + 1)
    assert sum(map(is_finished, opened.load().trials)) == 1


def test_two_workers_share_the_trials(tmp_path):
    trials, pause = 10, 0.15
    started = time.monotonic()
    workers = [start_worker(tmp_path, trials, pause) for _ in range(2)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    opened = open_in(tmp_path, trials=trials, pruner="none")
    found = opened.load().trials
    assert [trial.state.name for trial in found] == ["COMPLETE"] * trials
    assert len(set(systems(opened))) == trials
    shares = [trial.user_attrs["worker"] for trial in found]
    assert len(set(shares)) == 2
    assert math.isclose(shares.count(shares[0]), trials / 2, abs_tol=3)
    assert time.monotonic() - started < 60


def test_a_worker_waits_for_others_and_takes_over(tmp_path):
    worker = start_worker(tmp_path, trials=1, pause=30)
    assert worker.stdout is not None
    worker.stdout.readline()
    opened = open_in(tmp_path, trials=1, pruner="none")
    waiting = start_worker(tmp_path, trials=1, pause=0)
    time.sleep(1)
    worker.kill()
    worker.communicate()
    waiting.communicate(timeout=30)
    assert states(opened) == ["FAIL", "COMPLETE"]
