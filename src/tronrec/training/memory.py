"""The peak memory of a training, where the system can tell it."""

import re
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"


def reset_peak(device: torch.device) -> None:
    """Start to measure anew: a GPU's tensors, or else the memory of this process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif CLEAR.exists():
        CLEAR.write_text(RESET_PEAK)


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak since `reset_peak`; None where there is no way to know."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if not CLEAR.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    return int(found[1]) * 1024 if found else None
