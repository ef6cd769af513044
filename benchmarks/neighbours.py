"""How much two trainings side by side slow each other down, as Markdown.

For each way of waiting: milliseconds of a TRON XL step in a process alone, and in the
slower of two, in turns. Where other work goes on meanwhile, a priority over it helps:
`chrt --rr 10 python benchmarks/neighbours.py`.
"""

import argparse
import os
import subprocess
import sys
import time
from statistics import median

WAYS: dict[str, dict[str, str]] = {
    "torch's default": {"OWN_THREADS": "no"},
    "one thread": {"OWN_THREADS": "no", "OMP_NUM_THREADS": "1"},
    "tronrec": {},
}
"""What is set for a process; the last is what `kedro run` does."""
GIVEN = "OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
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

    def __init__(self, way: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in GIVEN}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work"],
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


def measure(workers: list[Worker], seconds: float) -> list[float]:
    """Return milliseconds a step of each while all of them train."""
    for worker in workers:
        worker.ask(seconds)
    return [float(worker.answer()) for worker in workers]


def main() -> None:
    """Measure all ways in turns and print their table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work()
        return
    workers = {way: [Worker(way), Worker(way)] for way in WAYS}
    alone: dict[str, list[float]] = {way: [] for way in WAYS}
    pairs: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way, both in workers.items():
            alone[way] += measure(both[:1], options.seconds)
            pairs[way].append(max(measure(both, options.seconds)))
    print("| threads | alone, ms | the slower of two, ms | ratio |")  # noqa: T201
    print("| :-- | --: | --: | --: |")  # noqa: T201
    for way in WAYS:
        one, two = median(alone[way]), median(pairs[way])
        print(f"| {way} | {one:.0f} | {two:.0f} | {two / one:.1f} |")  # noqa: T201


if __name__ == "__main__":
    main()
