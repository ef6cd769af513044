import importlib
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numba import njit
from numba.core import caching

from reference.disks import no_file_above
from tronrec.ops import compiled as module
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


def changed(double, tmp_path):
    """The same function after its file has changed; the module is another process's."""
    source = (tmp_path / "doubling.py").read_text()
    (tmp_path / "doubling.py").write_text(source.replace("2 *", "1000 *"))
    importlib.invalidate_caches()
    module._version_of.cache_clear()
    return importlib.reload(sys.modules["doubling"]).double


@pytest.mark.parametrize("size", [0, 2_000])
def test_what_was_kept_of_an_earlier_version_is_not_taken(double, tmp_path, size):
    """Where the disk is full there is an index at most, and not what it speaks of."""
    assert compiled(double)(21) == 42
    now = changed(double, tmp_path)
    with no_file_above(size):
        assert compiled(now)(21) == 21_000
    assert compiled(now)(21) == 21_000


def test_what_lies_beside_a_function_is_part_of_its_version(double, tmp_path):
    """It may call it, or take a constant from there."""
    compiled(double)(21)
    (tmp_path / "beside.py").write_text("FACTOR = 2")
    module._version_of.cache_clear()
    again = compiled(double)
    assert again(21) == 42 and not again.stats.cache_hits


AT_THE_END = """
import threading, time
from tronrec.ops.compiled import in_parts
def late():
    time.sleep(0.5)
    in_parts(lambda low, high: print("did", low, high), 4, 2)
threading.Thread(target=late).start()
"""


def test_work_goes_on_while_the_interpreter_ends():
    """It starts no threads any more, though those of a user still run."""
    found = subprocess.run(
        [sys.executable, "-c", AT_THE_END], capture_output=True, text=True, check=True
    )
    assert sorted(found.stdout.split("\n")) == ["", "did 0 2", "did 2 4"]


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


def test_others_go_on_before_an_error_is_raised():
    """What they write to may be somebody else's memory afterwards."""
    done = []

    def work(low, high):
        if low == 0:
            raise ValueError(low)
        time.sleep(0.05)
        done.append(low)

    with pytest.raises(ValueError, match="0"):
        in_parts(work, 4, 2)
    assert done == [2]


def test_threads_stay_for_the_next_call(monkeypatch):
    monkeypatch.setattr(module, "_helpers", module._Helpers())
    seen = set()

    def work(low, high):
        seen.add(threading.get_ident())

    for _ in range(20):
        in_parts(work, 2, 2)
    assert len(seen) == 2 and threading.get_ident() in seen


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process is forked here")
def test_a_forked_process_has_threads_of_its_own():
    done = np.zeros(9, int)

    def work(low, high):
        done[low:high] += 1

    in_parts(work, 9, 3)
    child = multiprocessing.get_context("fork").Process(
        target=in_parts, args=(work, 9, 3)
    )
    child.start()
    child.join(20)
    assert child.exitcode == 0
