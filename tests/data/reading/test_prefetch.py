"""Work ahead of time: in order, bounded, and errors in their place."""

from collections.abc import Iterator

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tronrec.data.reading.prefetch import MOST_THREADS, prefetch_results
from tronrec.errors import UserError


@given(st.lists(st.integers()))
def test_results_come_in_order(items: list[int]) -> None:
    assert list(prefetch_results(str, items)) == [(item, str(item)) for item in items]


def test_few_items_wait() -> None:
    taken = []

    def count() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = prefetch_results(str, count())
    assert next(results) == (0, "0")
    assert len(taken) <= min(MOST_THREADS, pl.thread_pool_size()) + 1
    results.close()
    assert len(taken) < 100


def test_an_error_of_the_items_comes_after_the_results_before_it() -> None:
    def broken() -> Iterator[int]:
        yield from (1, 2)
        raise UserError("damaged")

    results = prefetch_results(str, broken())
    assert [next(results), next(results)] == [(1, "1"), (2, "2")]
    with pytest.raises(UserError, match="damaged"):
        next(results)


def test_an_error_of_the_work_comes_in_its_place() -> None:
    results = prefetch_results(lambda number: 1 // number, [1, 0, 1])
    assert next(results) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)
