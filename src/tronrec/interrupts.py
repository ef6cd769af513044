"""Ends a run within seconds of Ctrl-C or SIGTERM, whatever it waits for.

An exception in the main thread ends most runs. It does not reach the threads of
`ThreadRunner`, nor a query that is on its way; these end after a second signal or some
seconds. Then, too, what works beside the run is stopped and temporary files go. Other
files are whole or absent however a run ends.
"""

import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import select
from typing import Any, NoReturn

import click

PATIENCE = 15.0
"""Seconds that a run has to end by itself, where it can."""
CLEANING = 15.0
"""Seconds that what works beside a run has to stop, where that has to be hurried."""
ENDING = signal.SIGTERM, signal.SIGHUP
"""Signals that are to end a run as Ctrl-C does."""
BY_SIGNAL = 128
"""What is added to the number of a signal to have the exit status."""

_beside: list[Callable[[], None]] = []


@contextmanager
def ended_by_signals(patience: float = PATIENCE) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP end what is run here, in the main thread.

    Args:
        patience: Seconds that it has to end by itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # which alone is told of signals
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_watch, args=(reader, patience), daemon=True).start()
    signal.set_wakeup_fd(writer)
    ours = [each for each in ENDING if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, _end)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.close(writer)


@contextmanager
def stopped_at_end(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function at the end of the block, or where that is not reached.

    Whoever is interrupted while a generator waits for him does not close it. Then the
    function is called when the process ends, or before it does more work.
    """
    _beside.append(stop)
    atexit.register(stop)
    try:
        yield
    finally:
        stop()
        atexit.unregister(stop)
        _beside.remove(stop)


def stop_what_is_left() -> None:
    """Stop what works beside a run that was interrupted, as in a notebook."""
    for stop in [*_beside]:
        stop()


def _end(number: int, _: Any) -> NoReturn:
    raise SystemExit(BY_SIGNAL + number)


def _watch(signals: int, patience: float) -> None:
    """Wait for signals, of which each is a byte, until the run ends or has to.

    After a signal the process has to end as well, which may wait for threads.
    """
    came: list[int] = []
    while not came[1:] and select([signals], [], [], patience if came else None)[0]:
        if number := os.read(signals, 1):
            came += {*number} & {signal.SIGINT, *ENDING}
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
    click.echo("\nAborted!", err=True)
    ending = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    ending.start()
    ending.join(CLEANING)
    os._exit(BY_SIGNAL + number)
