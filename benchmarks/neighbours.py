"""How much a training loses on a shared machine: processes that train in turns.

This file is also what these processes run.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

WAYS: dict[str, dict[str, str]] = {
    "torch's default": {"OWN_THREADS": "no"},
    "one thread": {"OWN_THREADS": "no", "OMP_NUM_THREADS": "1"},
    "tronrec": {},
}
"""What is set for a process; the last is what `kedro run` does."""
GIVEN = "OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
CGROUPS = Path("/sys/fs/cgroup")
PERIOD = 100_000
"""Microseconds in which a process under the quota may compute for as many."""
WARM_UP = 2.5
"""Seconds before a measurement, in which neighbours notice each other."""


def work() -> None:
    """Train for as many seconds as each line of the input asks for; print ms a step."""
    from tronrec.threads import Neighbours, settle_threads

    if "OWN_THREADS" not in os.environ:
        settle_threads()
    import torch
    from steps import PackedTraining

    from data import DIGINETICA, Case
    from tronrec.params import SystemParams

    case = Case.simulated(DIGINETICA)
    training = PackedTraining(SystemParams(), case, torch.device("cpu"))
    training.several()
    print("ready", flush=True)  # noqa: T201
    with Neighbours():
        for line in sys.stdin:
            steps, started = 0, time.monotonic()
            while (passed := time.monotonic() - started) < WARM_UP + float(line):
                training.step()
                if passed > WARM_UP:
                    steps += 1
            print(1e3 * float(line) / max(steps, 1), flush=True)  # noqa: T201


class Worker:
    """A process that trains when it is told to."""

    def __init__(self, way: str, group: Path | None = None) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in GIVEN}
        join = "" if group is None else f"echo $$ > {group}/cgroup.procs; "
        self.process = subprocess.Popen(
            ["sh", "-c", f'{join}exec "$@"', "sh", sys.executable, __file__],
            env=kept | WAYS[way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def ask(self, seconds: float) -> None:
        """Let it train for so long."""
        assert self.process.stdin
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Return what it prints next."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def measure(
    times: dict[str, list[float]],
    situation: str,
    workers: list[Worker],
    seconds: float,
) -> None:
    """Add the milliseconds a step of the slowest while all of them train."""
    for worker in workers:
        worker.ask(seconds)
    slowest = max(float(worker.answer()) for worker in workers)
    times.setdefault(situation, []).append(slowest)


@contextmanager
def busy_loop() -> Iterator[None]:
    """Have a process compute without end meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def one_core() -> Iterator[Path | None]:
    """Make a cgroup, of version 1 or 2, that may use one core; None: not allowed."""
    old = (CGROUPS / "cpu").exists()
    group = (CGROUPS / "cpu" if old else CGROUPS) / f"tronrec-{os.getpid()}"
    limits = {"cpu.max": f"{PERIOD} {PERIOD}"}
    if old:
        limits = dict.fromkeys(("cpu.cfs_period_us", "cpu.cfs_quota_us"), f"{PERIOD}")
    with ExitStack() as stack:
        try:
            group.mkdir()
            stack.callback(group.rmdir)
            for name, limit in limits.items():
                (group / name).write_text(limit)
        except OSError:
            yield None
        else:
            yield group


def compare(rounds: int = 5, seconds: float = 3) -> dict[str, dict[str, float]]:
    """Return milliseconds of a TRON XL step: way -> situation -> median of all rounds.

    Situations are a process alone, the slower of two side by side, one beside a busy
    loop, and one under a quota of one core, if a cgroup may be made.
    """
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        group = stack.enter_context(one_core())
        workers = {way: [Worker(way), Worker(way)] for way in WAYS}
        limited = {way: [Worker(way, group)] for way in WAYS if group}
        for some in (*workers.values(), *limited.values()):
            for worker in some:
                stack.callback(worker.end)
        for _ in range(rounds):
            for way, both in workers.items():
                times = found.setdefault(way, {})
                measure(times, "alone", both[:1], seconds)
                measure(times, "two side by side", both, seconds)
                with busy_loop():
                    measure(times, "beside a busy loop", both[:1], seconds)
                if group:
                    measure(times, "one core's quota", limited[way], seconds)
    return {
        way: {situation: median(some) for situation, some in times.items()}
        for way, times in found.items()
    }


if __name__ == "__main__":
    work()
