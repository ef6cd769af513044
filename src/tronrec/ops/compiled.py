"""Loops that are compiled at their first call, and run on several threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """Return the function compiled at its first call, and kept where that may be.

    Floats are divided as processors do it: by 0 it is infinity, and no error.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder may be written
        return njit(**options)(function)


def in_parts(function: Callable[[int, int], Any], count: int, threads: int) -> None:
    """Call a compiled function for `count` things, a range of them on each thread."""
    if threads <= 1:
        function(0, count)
        return
    cuts = [count * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        parts = [pool.submit(function, *part) for part in pairwise(cuts)]
    for part in parts:
        part.result()
