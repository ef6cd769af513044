"""Work that threads do before its result is asked for: files are read while parsed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import polars as pl

from tronrec.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 4
"""A file is unpacked by one thread, which more than these would wait for."""


def prefetch_results(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result, while threads work on the next few.

    A `UserError` that the items end in is raised after the results before it.
    """
    threads = min(MOST_THREADS, pl.thread_pool_size())
    failed: UserError | None = None
    waiting: deque[tuple[Item, Future[Result]]] = deque()

    with ThreadPoolExecutor(threads) as pool:
        for item in _with_error(items):
            if isinstance(item, UserError):
                failed = item
                break
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > threads:
                first, result = waiting.popleft()
                yield first, result.result()
        for first, result in waiting:
            yield first, result.result()
    if failed:
        raise failed


def _with_error(items: Iterable[Item]) -> Iterator[Item | UserError]:
    try:
        yield from items
    except UserError as error:
        yield error
