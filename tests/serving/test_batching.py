"""The queue: together, in order, bounded, and none lost."""

import asyncio
import threading

import pytest

from tronrec.serving.batching import Batcher, OverloadedError


def run(work, answer, *, waiting=100, batch=8, wait=0.02):
    batcher = Batcher(answer, waiting=waiting, batch=batch, wait=wait)

    async def main():
        return await work(batcher)

    try:
        return asyncio.run(main())
    finally:
        batcher.close()


def test_requests_that_arrive_together_are_answered_together():
    sizes = []

    def double(asked):
        sizes.append(len(asked))
        return [2 * number for number in asked]

    async def work(batcher):
        return await asyncio.gather(*(batcher.ask(n) for n in range(50)))

    assert run(work, double) == [2 * number for number in range(50)]
    assert max(sizes) == 8 and sum(sizes) == 50 and len(sizes) < 15


def test_a_request_that_fails_fails_alone():
    def invert(asked):
        return [1 / number for number in asked]

    async def work(batcher):
        asked = [batcher.ask(number) for number in (1, 0, 2)]
        return await asyncio.gather(*asked, return_exceptions=True)

    one, error, half = run(work, invert)
    assert (one, half) == (1, 0.5) and isinstance(error, ZeroDivisionError)


def test_beyond_the_queue_requests_are_refused_at_once():
    go_on = threading.Event()

    def slowly(asked):
        go_on.wait()
        return list(asked)

    async def work(batcher):
        asked = [asyncio.ensure_future(batcher.ask(n)) for n in range(20)]
        done, _ = await asyncio.wait(asked, timeout=1)
        go_on.set()
        assert {type(one.exception()) for one in done} == {OverloadedError}
        found = await asyncio.gather(*asked, return_exceptions=True)
        return [one for one in found if not isinstance(one, OverloadedError)]

    answered = run(work, slowly, waiting=5, batch=2, wait=0)
    assert answered == list(range(len(answered))) and 5 <= len(answered) <= 7


def test_a_request_given_up_is_not_computed():
    seen, go_on = [], threading.Event()

    def note(asked):
        go_on.wait()
        seen.extend(asked)
        return list(asked)

    async def work(batcher):
        first = asyncio.ensure_future(batcher.ask("first"))
        await asyncio.sleep(0.1)
        given_up = asyncio.ensure_future(batcher.ask("given up"))
        await asyncio.sleep(0.1)
        given_up.cancel()
        last = asyncio.ensure_future(batcher.ask("last"))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, last)

    run(work, note, wait=0)
    assert seen == ["first", "last"]


def test_what_waits_at_the_end_is_answered():
    go_on = threading.Event()

    def slowly(asked):
        go_on.wait()
        return list(asked)

    async def work(batcher):
        asked = [asyncio.ensure_future(batcher.ask(n)) for n in range(6)]
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(asyncio.to_thread(batcher.close))
        await asyncio.sleep(0.05)
        with pytest.raises(OverloadedError):
            await batcher.ask(7)
        go_on.set()
        await closing
        return await asyncio.gather(*asked)

    assert run(work, slowly, batch=2) == list(range(6))
