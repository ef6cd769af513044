"""Ends a run within seconds of Ctrl-C or SIGTERM, whatever it waits for.

An exception in the main thread ends most runs. It does not reach the threads of
`ThreadRunner`, nor a query that is on its way; these end after a second signal or some
seconds. Then, too, what works beside the run is stopped and temporary files go. Other
files are whole or absent however a run ends. A debugger's Ctrl-C is its own.
"""

import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from select import select
from typing import Any, NoReturn

import click

PATIENCE = 15.0
"""Seconds that a run has to end by itself, where it can."""
CLEANING = 15.0
"""Seconds that what works beside a run has to stop, where that has to be hurried."""
ENDING = signal.SIGTERM, signal.SIGHUP
"""Signals that are to end a run as Ctrl-C does."""
SETTLING = 0.1
"""Seconds for other threads to end what they have begun to give back."""
BY_SIGNAL = 128
"""What is added to the number of a signal to have the exit status."""

_beside: list[tuple[int, Callable[[], None]]] = []
"""What is to be stopped, by the thread that has started it."""
_watching: list[int] = []
"""Where the system writes which signals come."""
_said = threading.Event()
"""Whether it was told that the run is aborted."""


@contextmanager
def ended_by_signals(
    numbers: Iterable[signal.Signals] = ENDING, patience: float = PATIENCE
) -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what is run here, in the main thread, as Ctrl-C does.

    The exit status is 128 and the signal's number, whoever ends the process.

    Args:
        numbers: Signals after which the process is ended if it does not end itself.
        patience: Seconds that it has for that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # which alone is told of signals
        return
    _said.clear()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    watched = reader, {*numbers}, patience
    threading.Thread(target=_watch, args=watched, daemon=True).start()
    _watching.append(writer)
    before = signal.set_wakeup_fd(writer)
    # Polars has a handler of its own, after which waiting for a lock would go on.
    signal.siginterrupt(signal.SIGINT, True)
    ours = [each for each in ENDING if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, _end)
    try:
        yield
    except KeyboardInterrupt:
        _say_aborted()
        _end(signal.SIGINT)
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)
        if writer in _watching:  # else this is a fork
            signal.set_wakeup_fd(before)
            _watching.remove(writer)
            os.close(writer)


@contextmanager
def stopped_at_end(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function at the end of the block, or where that is not reached.

    Whoever is interrupted while a generator waits for him does not close it. Then the
    function is called when the process ends, or before it does more work.
    """
    entry = threading.get_ident(), stop
    _beside.append(entry)
    atexit.register(stop)
    try:
        yield
    finally:
        stop()
        atexit.unregister(stop)
        _beside.remove(entry)


def stop_what_is_left() -> None:
    """Stop what works beside a run of this thread that was interrupted."""
    for thread, stop in [*_beside]:
        if thread == threading.get_ident():
            stop()


def _end(number: int, _: Any = None) -> NoReturn:
    raise SystemExit(BY_SIGNAL + number)


def _say_aborted() -> None:
    if not _said.is_set():
        _said.set()
        with suppress(OSError, ValueError):  # nobody reads any more
            click.echo("\nAborted!", err=True)


def _watch(signals: int, numbers: set[int], patience: float) -> None:
    """Wait for signals, of which each is a byte, until the run ends or has to.

    After a signal the process has to end as well, which may wait for threads.
    """
    came: list[int] = []
    while not came[1:] and select([signals], [], [], patience if came else None)[0]:
        if number := os.read(signals, 1):
            came += {*number} & numbers
        elif came:
            time.sleep(patience)
            break
        else:
            os.close(signals)
            return
    _leave(came[0])


def _leave(number: int) -> NoReturn:
    """End the process, which does not end itself."""
    logging.disable()
    ending = threading.Thread(target=_clean)  # for which the main thread waits, too
    with suppress(RuntimeError):  # the interpreter is gone already
        ending.start()
        ending.join(CLEANING)
    os._exit(BY_SIGNAL + number)


def _clean() -> None:
    """Do what is done when a process ends itself, and then tell whoever still reads."""
    atexit._run_exitfuncs()
    time.sleep(SETTLING)  # else what tracks semaphores may complain of half a deletion
    _say_aborted()


def _forget() -> None:
    """Let a forked process not tell this one of its signals."""
    while _watching:
        signal.set_wakeup_fd(-1)
        os.close(_watching.pop())


os.register_at_fork(after_in_child=_forget)
