"""Several processes train the model that one would train."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

import tronrec
from reference.data import random_sessions
from tronrec.checkpoint import Checkpoint
from tronrec.errors import UserError
from tronrec.params import DatasetParams, ParallelParams, SystemParams
from tronrec.training import distributed
from tronrec.training.loop import Trainer, TrainingSessions, fit
from tronrec.training.state import resume, save_state
from tronrec.training.workers import SingleProcess


def make_params(**training: object) -> SystemParams:
    return SystemParams.model_validate(
        {
            "model": {"hidden_size": 8, "feed_forward": 8, "window": 6, "dropout": 0},
            "sampling": {"uniform": 20, "in_batch": 5, "top_k": 8},
            "training": {"epochs": 3, "batch_size": 8, "warmup_steps": 0} | training,
        }
    )


@pytest.fixture(scope="module")
def data() -> TrainingSessions:
    return TrainingSessions(
        random_sessions(0, sessions=40, num_items=25, longest=9),
        random_sessions(1, sessions=9, num_items=25, longest=8),
        num_items=25,
    )


def train(
    params: SystemParams, data: TrainingSessions, last: Checkpoint | None = None
) -> Iterator[Checkpoint]:
    return distributed.train_in_processes(
        params, data, "cpu", ParallelParams(processes=2), last
    )


def numbers(checkpoint: Checkpoint) -> list[dict[str, float]]:
    return [
        {"loss": record.loss, **record.validation}
        for record in checkpoint.state.history
    ]


def copy(checkpoint: Checkpoint) -> Checkpoint:
    tensors = {name: tensor.clone() for name, tensor in checkpoint.tensors.items()}
    return Checkpoint(tensors, checkpoint.facts)


def test_two_processes_go_on_from_one_and_end_as_it_does(data):
    trainer = Trainer(make_params(), data, torch.device("cpu"))
    alone = [copy(save_state(state)) for state in fit(trainer)]
    together = list(train(make_params(), data, last=alone[0]))
    assert len(together) == 2
    for ours, theirs in zip(together, alone[1:], strict=True):
        assert ours.state.data == theirs.state.data
        for row, expected in zip(numbers(ours), numbers(theirs), strict=True):
            assert row == pytest.approx(expected, rel=1e-5)
        assert ours.tensors.keys() == theirs.tensors.keys()
        for name, tensor in ours.tensors.items():
            if not name.endswith("query_key_value.bias"):  # the key's has no gradient
                torch.testing.assert_close(
                    tensor, theirs.tensors[name], rtol=1e-3, atol=1e-5
                )
    resumed = Trainer(make_params(), data, torch.device("cpu"))
    assert resume(resumed, together[-1]) and resumed.finished


def test_a_dead_worker_ends_the_training(data):
    checkpoints = train(make_params(epochs=100_000, schedule="constant"), data)
    assert len(next(checkpoints).state.history) == 1
    worker, _ = multiprocessing.active_children()
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(UserError, match=r"Worker \d of 2 died .*run again"):
        list(checkpoints)
    assert not multiprocessing.active_children()


INTERRUPTED = """
import os
import signal
import sys
import threading

from reference.data import random_sessions
from tronrec.params import ParallelParams, SystemParams
from tronrec.training.distributed import train_in_processes
from tronrec.training.loop import TrainingSessions

if __name__ == "__main__":
    sessions = random_sessions(0, sessions=40, num_items=25, longest=9)
    data = TrainingSessions(sessions, sessions, num_items=25)
    system = SystemParams.model_validate(
        {
            "model": {"hidden_size": 8, "feed_forward": 8, "window": 6},
            "sampling": {"uniform": 20, "in_batch": 5, "top_k": 8},
            "training": {"epochs": 100_000, "batch_size": 8, "schedule": "constant"},
        }
    )
    two = ParallelParams(processes=2)
    checkpoints = train_in_processes(system, data, "cpu", two, None)
    if len(sys.argv) > 1:  # seconds after which the workers are not yet there
        interrupt = os.getpid(), signal.SIGINT
        threading.Timer(float(sys.argv[1]), os.kill, interrupt).start()
        list(checkpoints)
    next(checkpoints)
    print("the first is being saved", flush=True)
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize("when", ["while it saves", "0.1"])
def test_an_interrupt_ends_the_workers_whenever_it_comes(when, tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    folders = [str(Path(__file__).parents[1]), str(Path(tronrec.__file__).parents[1])]
    known = {"PYTHONPATH": os.pathsep.join(folders), "TMPDIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, str(script), *([when] if when == "0.1" else [])],
        env=os.environ | known,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0
    assert ("the first is being saved" in ended.stdout) == (when != "0.1")
    assert "KeyboardInterrupt" in ended.stderr
    assert not list(tmp_path.glob("tronrec-*"))


def test_what_a_worker_finds_wrong_is_what_the_user_reads(data):
    with pytest.raises(UserError, match=r"^The loss of epoch 1 .* lower training"):
        list(train(make_params(learning_rate=1e30), data))


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ({"parallel": {"machines": 2}}, r"machines \(2\) need a rendezvous"),
        (
            {"parallel": {"processes": 9}, "training": {"batch_size": 8}},
            r"of all machines \(9\), exceed training\.batch_size \(8\)",
        ),
        (
            {
                "parallel": {"processes": 2},
                "model": {"encoder": "gru"},
                "training": {"batches": "session_parallel"},
            },
            r"cannot divide training\.batches",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused(block, problem):
    sampling = {"uniform": 8, "in_batch": 0, "top_k": None}
    with pytest.raises(ValidationError, match=problem):
        DatasetParams.model_validate(block | {"sampling": sampling})


def test_every_worker_needs_a_session_of_each_batch(data):
    class Nine(SingleProcess):
        count = 9

    with pytest.raises(UserError, match=r"\(9\), exceed the 8 sessions of a batch"):
        Trainer(make_params(), data, torch.device("cpu"), Nine())


def test_each_gpu_has_one_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    distributed._check_devices(torch.device("cuda"), 3)
    with pytest.raises(
        UserError, match=r"parallel\.processes \(4\) exceeds the 3 GPUs"
    ):
        distributed._check_devices(torch.device("cuda"), 4)
