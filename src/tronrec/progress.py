"""How far long work is: a bar on a terminal, and elsewhere a line in the log.

A line comes every 30 seconds, whether the work moves or not, so that a log tells slow
work from work that is stuck.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TypeVar

from tqdm import tqdm

from tronrec.interrupts import stopped_at_end

logger = logging.getLogger(__name__)

SECONDS = 30.0
"""Time between two lines of the log."""

BYTES = "B"

Part = TypeVar("Part")

# The lock that tqdm makes by itself is shared with other processes, and lost when one
# of them is killed.
tqdm.set_lock(threading.RLock())


class Progress:
    """Shows how much of some work is done, while it is used as a context."""

    def __init__(
        self,
        label: str,
        total: int | None,
        unit: str,
        *,
        done: int = 0,
        shown: bool = True,
    ) -> None:
        """Describe the work.

        Args:
            label: What is done, such as `epoch 1/10`.
            total: How much there is to do; None: nobody knows.
            unit: What is counted: `steps`, or `B` for bytes.
            done: How much of it was done before.
            shown: Whether to show anything.
        """
        self.label, self.total, self.unit = label, total, unit
        self.done = self._before = done
        terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=label,
            unit=unit if unit == BYTES else f" {unit}",
            unit_scale=unit == BYTES,
            disable=not (shown and terminal),
        )
        self._ended, self._stack = threading.Event(), ExitStack()
        self._log = (
            threading.Thread(target=self._write_lines, daemon=True)
            if shown and not terminal
            else None
        )

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        if self._log:
            self._log.start()
            self._stack.enter_context(stopped_at_end(self._ended.set))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._bar.close()
        if self._log:
            self._log.join()

    def update(self, amount: int = 1) -> None:
        """Note that so much more is done."""
        self.done += amount
        self._bar.update(amount)

    def reach(self, done: int) -> None:
        """Note how much is done in all."""
        self.update(done - self.done)

    def _write_lines(self) -> None:
        while not self._ended.wait(SECONDS):
            logger.info(self.describe(time.monotonic() - self._began))

    def describe(self, seconds: float) -> str:
        """Return share done, rate and time left after so many seconds."""
        line = f"{self.label}: {self._count(self.done)}"
        if self.total:
            share = f"{self.done / self.total:.0%}"
            line = f"{self.label}: {share} of {self._count(self.total)}"
        rate = (self.done - self._before) / seconds
        if not rate:
            return f"{line}, none in the last {tqdm.format_interval(seconds)}"
        line += f", {self._count(rate)} a second"
        if self.total:
            line += f", {tqdm.format_interval((self.total - self.done) / rate)} left"
        return line

    def _count(self, number: float) -> str:
        if self.unit == BYTES:
            return f"{tqdm.format_sizeof(number)}{self.unit}"
        digits = 0 if number >= 10 or number == int(number) else 2  # noqa: PLR2004
        return f"{number:,.{digits}f} {self.unit}"


def track(
    parts: Iterable[Part], label: str, total: int, unit: str, *, shown: bool = True
) -> Iterator[Part]:
    """Yield the parts of some work, each of which counts as one."""
    with Progress(label, total, unit, shown=shown) as progress:
        for part in parts:
            yield part
            progress.update()
