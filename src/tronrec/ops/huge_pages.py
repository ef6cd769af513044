"""Large pages for tables of which rows are read and written all over the place.

A processor knows where some thousand pages lie. Of 4 KiB they are a few megabytes, so
nearly each row of a large table has to be looked up first, which takes as long as it
takes to read the row. Linux gives pages of 2 MiB to whoever asks, if it has some.
"""

import ctypes
import mmap

from torch import Tensor

HUGE = 1 << 21
"""Bytes of a large page. Less memory than that has none."""
ADVICE = getattr(mmap, "MADV_HUGEPAGE", None)
"""Linux's; other systems have none, or decide themselves."""


def on_huge_pages(memory: Tensor) -> Tensor:
    """Ask for large pages where memory that was not written yet is going to be.

    Args:
        memory: A tensor on a CPU whose numbers follow one another; others stay as they
            are.

    Returns:
        The same tensor, whether or not the system complies.
    """
    if ADVICE is None or memory.device.type != "cpu":
        return memory
    begin = -(-memory.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    size = memory.data_ptr() + memory.nbytes - begin
    if size >= HUGE:
        advise = ctypes.CDLL(None).madvise
        advise(ctypes.c_void_p(begin), ctypes.c_size_t(size), ADVICE)
    return memory
