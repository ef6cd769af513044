"""Loops that are compiled at their first call, and run on several threads."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.extending import intrinsic
from torch import Tensor


def compiled(function: Callable[..., Any], *, in_any_order: bool = False) -> Any:
    """Return the function compiled at its first call, and kept where that may be.

    Floats are divided as processors do it: by 0 it is infinity, and no error.

    Args:
        function: What is compiled.
        in_any_order: Whether the terms of a sum may be added in another order than is
            written, several at once.
    """
    freedom: Any = {"reassoc", "contract"} if in_any_order else False
    compile_now = njit(nogil=True, error_model="numpy", fastmath=freedom)
    compiling: Any = compile_now(function)
    with suppress(RuntimeError):  # no folder may be written
        compiling._cache = Kept(function)
    return compiling


summing = partial(compiled, in_any_order=True)
"""For a function of which sums are most of the work."""


@cache
def _version_of(folder: Path) -> str:
    """Return a word that changes with the source files of a folder."""
    digest = sha256()
    for file in sorted(folder.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


class Kept(FunctionCache):
    """Numba's files, of which a full disk or a damaged one costs time and no more.

    Each version of a function and of what lies beside it has files of its own. Numba
    looks at the function's file alone, though it may call others; and it writes what
    files hold before them, so that those of an earlier version would be taken for those
    that a full disk, a kill or another process has kept it from writing.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """Find the files, which need not be there.

        Raises:
            RuntimeError: No folder may be written.
        """
        super().__init__(function)
        version = _version_of(Path(function.__code__.co_filename).parent)
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=f"{self._impl.filename_base}-{version}",
            source_stamp=self._impl.locator.get_source_stamp(),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the function, or None if it is to be compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # what a damaged pickle raises may be anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the function, if there is room."""
        with suppress(OSError):
            super().save_overload(sig, data)


def arrays_of(*tensors: Tensor) -> tuple[Any, ...]:
    """Return arrays for compiled functions, which rely on the order in memory.

    A tensor of that order shares its memory with its array.
    """
    return tuple(tensor.detach().contiguous().numpy() for tensor in tensors)


def flat_rows(table: Tensor) -> tuple[Any, int]:
    """Return a table's memory from its first number on, and numbers from row to row.

    It may be some columns of a wider table: nothing is copied. A row's place is its
    number times the second.
    """
    table = table.detach()
    if table.stride(-1) != 1:
        table = table.contiguous()
    step, (rows, size) = table.stride(0), table.shape
    numbers = (rows - 1) * step + size if rows else 0
    return table.as_strided((numbers,), (1,)).numpy(), step


def threads_for(work: int, share: int) -> int:
    """Return on how many threads to do some work, each a share of it at least."""
    return min(torch.get_num_threads(), 1 + work // share)


def in_parts(function: Callable[[int, int], Any], count: int, threads: int) -> None:
    """Call a compiled function for `count` things, a range of them on each thread.

    This thread does the first range. Others stay for the next call: starting them takes
    four times as long as having them do nothing.
    """
    if threads <= 1:
        function(0, count)
        return
    cuts = [count * part // threads for part in range(threads + 1)]
    parts = list(pairwise(cuts))
    others: list[Future[Any]] = []
    try:
        with suppress(RuntimeError):  # no thread is started where the interpreter ends
            while len(parts) > 1:
                others.append(_helpers.of(threads - 1).submit(function, *parts[-1]))
                parts.pop()
        for part in parts:
            function(*part)
    finally:  # they use the same memory
        wait(others)
    for other in others:
        other.result()


class _Helpers:
    """Threads that wait for work, as many as were needed at once so far."""

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin anew, as in a process that was forked, which has no other thread."""
        self._lock, self._count = threading.Lock(), 0
        self._pool: ThreadPoolExecutor | None = None

    def of(self, count: int) -> ThreadPoolExecutor:
        """Return a pool of so many threads at least."""
        with self._lock:
            if self._pool is None or self._count < count:
                self._pool, self._count = ThreadPoolExecutor(count), count
            return self._pool


_helpers = _Helpers()


def _type_prefetch(_context: Any, numbers: Any, place: Any) -> tuple[Any, Any]:
    return types.void(numbers, place), _generate_prefetch


def _generate_prefetch(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Write the instruction: for a read, into all levels of the cache, of data."""
    array = context.make_array(signature.args[0])(context, builder, given[0])
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    address = builder.bitcast(builder.gep(array.data, [given[1]]), byte)
    builder.call(fetch, [address, word(0), word(3), word(1)])
    return context.get_dummy_value()


prefetch: Any = intrinsic(_type_prefetch)
"""Have the processor fetch what is at a place of a flat array, without waiting for it:
worth it where reads jump about, and the next ones are known."""
