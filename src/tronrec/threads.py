"""How many threads compute, and how they wait for each other beside busy neighbours.

Torch's threads meet at the end of every operation, a thousand times a second. One that
waits spins, since to sleep and to be woken takes longer than most operations. Where
another process uses the same CPU, the one that is waited for may not run meanwhile: the
spinning takes its time away, and the neighbour's. Measured: `docs/performance.md`.

So that waiting is short for a crowd and costs nothing for one alone:

1. As many threads as CPUs are free: by affinity, by the quota of the container, and by
   what others use at the start and have used for minutes.
2. A wait spins for a fifth of a millisecond at most (`GOMP_SPINCOUNT`).
3. While others use the CPUs, it spins a hundredth of that. libgomp does so by itself
   where it manages more threads than there are CPUs: idle ones are added meanwhile.

What a user has set stays: `OMP_NUM_THREADS`, `GOMP_SPINCOUNT`, `OMP_WAIT_POLICY`. None
of this changes a result, except that another number of threads rounds otherwise.
"""

import logging
import math
import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)

ROOT = Path("/")
NUMBER, SPIN, POLICY = "OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
LONG, SHORT = 10_000, 1_000
"""Spins of a wait: alone, and where spinning uses up the quota of a container."""
BUSY, QUIET = 0.5, 0.25
"""CPUs missing to the threads from which on, and up to which, neighbours matter."""
SECONDS = 1.0
"""Time between two looks at the neighbours."""
ENOUGH = 1 << 20
"""Elements that torch shares out among all threads."""


def settle_threads(others: float = 0.0, root: Path = ROOT) -> str:
    """Set the environment for torch, which is not loaded yet, and say what was chosen.

    Args:
        others: CPUs that other processes use now.
        root: Where the files of the kernel are, for tests.
    """
    cpus, quota = count_cpus(), read_quota(root)
    others = min(others, _load(root))
    limits = [f"{cpus} CPUs"]
    free = float(cpus)
    if quota is not None and quota < cpus:
        free = quota
        limits.append(f"a quota of {quota:g}")
    if others >= 1:
        free = min(free, cpus - others)
        limits.append(f"others using {others:.1f}")
    if POLICY not in os.environ:
        quota_binds = quota is not None and quota < cpus
        os.environ.setdefault(SPIN, str(SHORT if quota_binds else LONG))
    if number := os.environ.get(NUMBER):
        return f"Threads: {number}, as {NUMBER} says; {', '.join(limits)}"
    os.environ[NUMBER] = number = str(max(1, math.floor(free)))
    return f"Threads: {number}, for {', '.join(limits)} ({NUMBER} sets another number)"


def count_cpus() -> int:
    """Return how many CPUs this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_quota(root: Path = ROOT) -> float | None:
    """Return the CPUs that the process's cgroups (v1 or v2) allow; None: no limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return None
    quotas = []
    for _, names, path in (line.split(":", 2) for line in lines):
        if names and "cpu" not in names.split(","):
            continue
        folder = root / "sys/fs/cgroup" / ("cpu" if names else "")
        place = folder / path.lstrip("/")
        for group in (place, *place.parents):
            quotas.append(_quota_of(group))
            if group == folder:
                break
    return min((quota for quota in quotas if quota), default=None)


def _quota_of(group: Path) -> float | None:
    """Return the quota of one cgroup, in CPUs."""
    try:
        if (both := group / "cpu.max").exists():
            quota, period = both.read_text("utf-8").split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text("utf-8")
            period = (group / "cpu.cfs_period_us").read_text("utf-8")
        return None if quota == "max" or int(quota) <= 0 else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _load(root: Path) -> float:
    """Return the load of this process's CPUs for minutes; its own runs count, too."""
    try:
        lately, longer, *_ = (root / "proc/loadavg").read_text("utf-8").split()
    except OSError:
        return 0.0
    return min(float(lately), float(longer)) * count_cpus() / (os.cpu_count() or 1)


class Meter:
    """Tells how many of this process's CPUs others use, from one look to the next."""

    def __init__(self, root: Path = ROOT) -> None:
        """Take a first look.

        Args:
            root: Where the files of the kernel are, for tests.
        """
        self._stat = root / "proc/stat"
        self._last = self._look()

    def read(self) -> float:
        """Return the CPUs that others have used since the last look."""
        seen, self._last = self._last, self._look()
        wall, all_busy, own = (
            new - old for old, new in zip(seen, self._last, strict=True)
        )
        return (all_busy - own) / wall

    def _look(self) -> tuple[float, float, float]:
        """Return wall time, busy time of all our CPUs and of this process, seconds."""
        if sys.platform != "linux":
            return time.monotonic(), 0.0, 0.0
        ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        busy = 0
        for line in self._stat.read_text("utf-8").splitlines():
            name, *ticks = line.split()
            if name in ours:
                user, nice, system, _idle, _wait, irq, soft_irq = map(int, ticks[:7])
                busy += user + nice + system + irq + soft_irq
        per_second = os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy / per_second, time.process_time()


class Neighbours:
    """Shortens the waits of torch's threads while others use the CPUs: a context."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._idle: _IdleTeam | None = None

    def __enter__(self) -> Self:
        if sys.platform == "linux" and os.environ.get(SPIN) == str(LONG):
            self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._watch.ident:
            self._watch.join()
        if self._idle:
            self._idle.end()

    def _look(self) -> None:
        meter = Meter()
        while not self._ended.wait(SECONDS):
            self.react(meter.read())

    def react(self, others: float) -> None:
        """Shorten waits, or end that, as others use so many CPUs."""
        if "torch" not in sys.modules:
            return
        import torch  # noqa: PLC0415 - waits until it is loaded, and never loads it

        threads = torch.get_num_threads()
        missing = threads + others - count_cpus()
        if self._idle:
            if missing < QUIET:
                self._idle.end()
                self._idle = None
                logger.info("Nobody else uses the CPUs any more")
        elif missing > BUSY and threads > 1:
            self._idle = _IdleTeam()
            logger.info("Others use %.1f CPUs: threads wait by sleeping", others)


class _IdleTeam:
    """Threads of libgomp that do nothing, so that there are more than CPUs."""

    def __init__(self) -> None:
        self._started, self._told_to_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._idle, daemon=True)
        self._thread.start()
        self._started.wait()

    def end(self) -> None:
        """End the threads, and wait for that."""
        self._told_to_end.set()
        self._thread.join()

    def _idle(self) -> None:
        import torch  # noqa: PLC0415 - loaded already

        torch.zeros(ENOUGH)  # a thread that computes for the first time gets a team
        self._started.set()
        self._told_to_end.wait()
