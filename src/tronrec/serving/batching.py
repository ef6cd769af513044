"""Requests that arrive together are answered together, by one thread.

While the thread computes, further requests queue up and are its next batch. An idle
thread waits a moment for company. The queue is bounded: beyond it, a request is refused
at once rather than answered too late.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class OverloadedError(Exception):
    """The queue is full, or closed."""


@dataclass(frozen=True)
class _Waiting(Generic[Asked, Given]):
    asked: Asked
    future: "asyncio.Future[Given]"
    loop: asyncio.AbstractEventLoop


class Batcher(Generic[Asked, Given]):
    """A queue, and the thread that answers it."""

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], list[Given]],
        *,
        waiting: int,
        batch: int,
        wait: float,
    ) -> None:
        """Start the thread.

        Args:
            answer: Answers several requests; called in the thread only.
            waiting: Requests in the queue, at most.
            batch: Requests answered together, at most.
            wait: Seconds that the first of a batch waits for others, at most.
        """
        self._answer, self._most = answer, waiting
        self._batch, self._wait = batch, wait
        self._queue: deque[_Waiting[Asked, Given]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Return how many requests wait."""
        return len(self._queue)

    async def ask(self, asked: Asked) -> Given:
        """Return the answer to a request.

        Raises:
            OverloadedError: It is not taken on.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Given] = loop.create_future()
        with self._changed:
            if self._ended or len(self._queue) >= self._most:
                raise OverloadedError
            self._queue.append(_Waiting(asked, future, loop))
            self._changed.notify()
        return await future

    def close(self) -> None:
        """Answer what waits, and end the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            if batch:
                self._serve(batch)

    def _take(self) -> list[_Waiting[Asked, Given]] | None:
        """Return the next requests, without those given up; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ended)
            until = time.monotonic() + self._wait
            while len(self._queue) < self._batch and not self._ended:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            count = min(self._batch, len(self._queue))
            taken = [self._queue.popleft() for _ in range(count)]
            if not taken and self._ended:
                return None
        return [one for one in taken if not one.future.cancelled()]

    def _serve(self, batch: list[_Waiting[Asked, Given]]) -> None:
        given: Sequence[Given | Exception]
        try:
            given = self._answer([one.asked for one in batch])
        except Exception as error:  # one request must not fail the others
            given = [error] if len(batch) == 1 else [*map(self._answer_alone, batch)]
        for loop in {one.loop for one in batch}:
            mine = [
                (one.future, result)
                for one, result in zip(batch, given, strict=True)
                if one.loop is loop
            ]
            loop.call_soon_threadsafe(_deliver, mine)

    def _answer_alone(self, one: _Waiting[Asked, Given]) -> Given | Exception:
        try:
            return self._answer([one.asked])[0]
        except Exception as error:
            return error


def _deliver(results: "list[tuple[asyncio.Future[Given], Given | Exception]]") -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
