import numpy as np
import pytest
from numba import njit
from numba.core import caching

from tronrec.ops.compiled import compiled, in_parts


def test_it_is_compiled_where_nothing_can_be_kept(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    def double(number):
        return 2 * number

    with pytest.raises(RuntimeError, match="cannot cache"):
        njit(cache=True)(double)
    assert compiled(double)(21) == 42


@pytest.mark.parametrize("threads", [0, 1, 3, 20])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_each_is_in_one_part(threads, count):
    done = np.zeros(count, int)

    def work(low, high):
        done[low:high] += 1

    in_parts(work, count, threads)
    assert (done == 1).all()


def test_what_fails_in_a_part_is_raised():
    def work(low, high):
        if low:
            raise ValueError(low)

    with pytest.raises(ValueError, match="2"):
        in_parts(work, 4, 2)
