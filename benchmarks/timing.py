"""Stopwatches for a machine whose speed wanders: medians, and everything in turns."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch

from tronrec.ops.int8_matmul import int8_products

Step = Callable[[], object]


def timed(step: Step) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def usual(step: Step, *, most: int = 20, least: int = 5, budget: float = 20) -> float:
    """Return the median seconds of some calls: fewer than `most` if they take long."""
    seconds: list[float] = []
    while len(seconds) < least or (len(seconds) < most and sum(seconds) < budget):
        seconds.append(timed(step))
    return median(seconds)


def in_turns(steps: dict[str, Step], rounds: int, warm_up: int = 3) -> dict[str, float]:
    """Return the median seconds of each step; they take turns on the same machine."""
    for step in steps.values():
        for _ in range(warm_up):
            step()
    seconds = defaultdict(list)
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(timed(step))
    return {name: median(times) for name, times in seconds.items()}


def wait(device: torch.device) -> None:
    """Wait for the work of a GPU; a CPU has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Return the GFLOP/s of a large matrix product; of int8, whole operations."""
    left = torch.randn(2048, 200, device=device).to(dtype)
    right = torch.randn(16384, 200, device=device).to(dtype)
    whole = torch.int32 if dtype == torch.int8 else dtype
    out = torch.empty(2048, 16384, dtype=whole, device=device)

    def product() -> None:
        if dtype == torch.int8:
            int8_products(left, right, out)
        else:
            torch.mm(left, right.T, out=out)
        wait(device)

    seconds = in_turns({"product": product}, rounds=12)["product"]
    return 2 * 2048 * 200 * 16384 / seconds / 1e9


@contextmanager
def stopwatches(
    *places: tuple[Any, str, str], device: torch.device
) -> Iterator[dict[str, float]]:
    """Time every call of some functions; yield their total seconds by label.

    Args:
        places: Owner of the function, its name there, and the label.
        device: Where they work. A GPU is waited for before and after each call.
    """
    totals: dict[str, float] = defaultdict(float)
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in places]

    def watch(function: Callable[..., Any], label: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            wait(device)
            started = time.perf_counter()
            result = function(*arguments, **options)
            wait(device)
            totals[label] += time.perf_counter() - started
            return result

        return call

    for (owner, name, label), (_, _, function) in zip(places, originals, strict=True):
        setattr(owner, name, watch(function, label))
    try:
        yield totals
    finally:
        for owner, name, function in originals:
            setattr(owner, name, function)
