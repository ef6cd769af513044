"""The memory of a training: its peak, and what it does not need any more."""

import ctypes
import os
import re
from contextlib import suppress
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
"""glibc's; other C libraries have none."""


def reset_peak(device: torch.device) -> None:
    """Start to measure anew: a GPU's tensors, or else the memory of this process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif CLEAR.exists():
        with suppress(
            OSError
        ):  # where it may not be written, the peak is of the process
            CLEAR.write_text(RESET_PEAK)


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak since `reset_peak`; None where there is no way to know."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if not CLEAR.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    return int(found[1]) * 1024 if found else None


def release_freed() -> None:
    """Give memory that was freed back to the system, where the C library keeps it.

    Tensors of one batch do not fit into the gaps that those of others left, and in an
    hour the gaps grow to gigabytes.
    """
    if TRIM is not None:
        TRIM(0)
