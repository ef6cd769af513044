"""A run ends when it is told to, whatever it is doing, and leaves nothing at work."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tronrec.interrupts import ended_by_signals, stop_what_is_left, stopped_at_end

RUN = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from tronrec import interrupts
from tronrec.files import temporary_folder

interrupts.PATIENCE = float(sys.argv[2])
told = threading.Event()

def wait():
    with temporary_folder():
        print("begun", flush=True)
        told.wait()

def wait_for_thread():
    with ThreadPoolExecutor() as pool:
        try:
            pool.submit(wait).result()
        except BaseException:
            print("asked", flush=True)
            raise

with interrupts.ended_by_signals():
    try:
        globals()[sys.argv[1]]()
    finally:
        print("cleaned", flush=True)
"""


def start(what: str, patience: float, folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, what, str(patience)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_can_end_itself_does(number: signal.Signals, tmp_path: Path) -> None:
    process = start("wait", 100, tmp_path)
    process.send_signal(number)
    printed, errors = process.communicate(timeout=60)
    assert printed == "cleaned\n"
    if number == signal.SIGINT:
        assert errors.endswith("KeyboardInterrupt\n")
    else:
        assert (errors, process.returncode) == ("", 128 + number)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("twice", [False, True])
def test_what_waits_for_threads_is_ended(
    number: signal.Signals, twice: bool, tmp_path: Path
) -> None:
    process = start("wait_for_thread", 100 if twice else 0.2, tmp_path)
    process.send_signal(number)
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    if twice:
        process.send_signal(number)
    printed, errors = process.communicate(timeout=60)
    assert errors == "\nAborted!\n"
    assert printed in ("", *(["cleaned\n"] if twice else []))
    assert process.returncode == 128 + number
    assert not [*tmp_path.iterdir()]


def test_signals_mean_afterwards_what_they_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = threading.active_count()
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with ended_by_signals():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1
    assert threading.active_count() == threads


def test_another_thread_is_not_told_of_signals() -> None:
    def work() -> int:
        with ended_by_signals():
            return 7

    with ThreadPoolExecutor() as pool:
        assert pool.submit(work).result() == 7


def test_what_an_interrupted_run_has_left_is_stopped_before_the_next() -> None:
    stopped = []

    def work():
        with stopped_at_end(lambda: stopped.append("by an interrupted run")):
            yield from range(3)

    interrupted = work()
    next(interrupted)
    assert [*work()] == [0, 1, 2]
    assert len(stopped) == 1
    stop_what_is_left()
    assert len(stopped) == 2
    interrupted.close()
    stop_what_is_left()
    assert len(stopped) == 3
