import importlib
import sys

import numpy as np
import pytest
from numba import njit
from numba.core import caching

from reference.disks import no_file_above
from tronrec.ops.compiled import compiled, in_parts


def test_it_is_compiled_where_nothing_can_be_kept(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    def double(number):
        return 2 * number

    with pytest.raises(RuntimeError, match="cannot cache"):
        njit(cache=True)(double)
    assert compiled(double)(21) == 42


@pytest.fixture
def double(tmp_path, monkeypatch):
    """A function of a file that can be changed, and what is kept of it: two files."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "doubling.py").write_text(
        "def double(number):\n    return 2 * number\n"
    )
    yield importlib.import_module("doubling").double
    del sys.modules["doubling"]


def test_what_is_compiled_is_kept(double, tmp_path):
    assert compiled(double)(21) == 42
    assert {path.suffix for path in tmp_path.glob("__pycache__/*.nb*")} == {
        ".nbi",
        ".nbc",
    }
    again = compiled(double)
    assert again(21) == 42 and again.stats.cache_hits


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("left", [0, 7, 100])
def test_a_damaged_file_is_written_again(double, suffix, left, tmp_path):
    compiled(double)(21)
    (file,) = tmp_path.glob(f"__pycache__/*{suffix}")
    file.write_bytes(file.read_bytes()[:left])
    assert compiled(double)(21) == 42
    again = compiled(double)
    assert again(21) == 42 and again.stats.cache_hits


def test_it_is_compiled_where_the_disk_is_full(double):
    with no_file_above(100):
        assert compiled(double)(21) == 42
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
