"""A run ends when it is told to, whatever it is doing, and leaves nothing at work."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tronrec.interrupts import ended_by_signals, stop_what_is_left, stopped_at_end

Process = subprocess.Popen[str]

RUN = """
import os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from tronrec.files import temporary_folder
from tronrec.interrupts import ENDING, ended_by_signals

# Whatever runs the tests in the background may have these ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
told, ready = threading.Event(), threading.Event()

def wait():
    with temporary_folder():
        ready.wait()
        print("begun", flush=True)
        while not told.wait(0.05):  # a signal just before a longer one would wait, too
            pass

def wait_for_thread():
    with ThreadPoolExecutor() as pool:
        try:
            done = pool.submit(wait)
            ready.set()
            while not done.done():
                time.sleep(0.05)
        except BaseException:
            print("asked", flush=True)
            raise

def leave_thread():
    threading.Thread(target=wait).start()
    ready.set()
    while True:
        time.sleep(0.05)

def wait_alone():
    ready.set()
    wait()

def lose_the_reader():
    sys.stderr.flush()
    os.dup2(os.open("/dev/full", os.O_WRONLY), 2)
    wait_for_thread()

def end_a_child():
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, b"ready")
        while True:
            time.sleep(0.05)
    os.read(reader, 5)
    print("begun", flush=True)
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
    time.sleep(1)

with ended_by_signals([signal.SIGINT, *ENDING], float(sys.argv[2])):
    try:
        globals()[sys.argv[1]]()
    finally:
        print("cleaned", flush=True)
"""


@contextmanager
def started(what: str, patience: float, folder: Path) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, what, str(patience)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


def tell(
    what: str, patience: float, number: signal.Signals, folder: Path
) -> tuple[str, str, int]:
    """Send a signal; return what is printed, also as errors, and the exit status."""
    with started(what, patience, folder) as process:
        process.send_signal(number)
        printed, errors = process.communicate(timeout=60)
    assert not [*folder.iterdir()]
    return printed, errors, process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_can_end_itself_does(number: signal.Signals, tmp_path: Path) -> None:
    printed, errors, status = tell("wait_alone", 100, number, tmp_path)
    assert printed == "cleaned\n"
    said = "\nAborted!\n" if number == signal.SIGINT else ""
    assert (errors, status) == (said, 128 + number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_waits_for_threads_is_ended(
    number: signal.Signals, tmp_path: Path
) -> None:
    _, errors, status = tell("wait_for_thread", 2, number, tmp_path)
    assert (errors, status) == ("\nAborted!\n", 128 + number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait(number: signal.Signals, tmp_path: Path) -> None:
    with started("wait_for_thread", 1000, tmp_path) as process:
        process.send_signal(number)
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert not [*tmp_path.iterdir()]


def test_nobody_has_to_read_that_it_ends(tmp_path: Path) -> None:
    _, _, status = tell("lose_the_reader", 1, signal.SIGHUP, tmp_path)
    assert status == 128 + signal.SIGHUP


def test_a_child_has_signals_of_its_own(tmp_path: Path) -> None:
    with started("end_a_child", 0.1, tmp_path) as process:
        _, errors = process.communicate(timeout=60)
    assert (errors, process.returncode) == ("", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_waits_for_threads_in_the_end_is_ended(
    number: signal.Signals, tmp_path: Path
) -> None:
    printed, errors, status = tell("leave_thread", 1, number, tmp_path)
    assert (printed, status) == ("cleaned\n", 128 + number)
    assert errors == "\nAborted!\n"


def test_signals_mean_afterwards_what_they_did() -> None:
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
    end = time.monotonic() + 60
    while threading.active_count() > threads:
        assert time.monotonic() < end
        time.sleep(0.01)


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
    with ThreadPoolExecutor() as pool:
        pool.submit(stop_what_is_left).result()
    assert len(stopped) == 1  # another thread has a run of its own
    stop_what_is_left()
    assert len(stopped) == 2
    interrupted.close()
    stop_what_is_left()
    assert len(stopped) == 3
