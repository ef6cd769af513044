import re
from pathlib import Path

import pytest
import torch

from tronrec.ops import huge_pages
from tronrec.ops.huge_pages import HUGE, on_huge_pages

SMAPS = Path("/proc/self/smaps")
PLACE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) ")


def flags_of(address):
    """What the system knows of the piece of memory that an address lies in."""
    inside = False
    for line in SMAPS.read_text().splitlines():
        if place := PLACE.match(line):
            inside = int(place[1], 16) <= address < int(place[2], 16)
        elif inside and line.startswith("VmFlags:"):
            return line.split()[1:]
    raise LookupError(address)


@pytest.mark.skipif(huge_pages.ADVICE is None, reason="the system has no such advice")
@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists(),
    reason="the kernel has no large pages",
)
def test_the_system_is_asked_for_the_whole_table():
    table = torch.empty(8 * HUGE, dtype=torch.uint8)
    assert on_huge_pages(table) is table
    for place in (2 * HUGE, 6 * HUGE):
        assert "hg" in flags_of(table.data_ptr() + place)


@pytest.mark.parametrize("size", [0, 1, 4096, HUGE, 3 * HUGE])
def test_numbers_stay(size):
    memory = torch.arange(size, dtype=torch.int16)
    assert torch.equal(on_huge_pages(memory), torch.arange(size, dtype=torch.int16))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_other_systems_and_devices_are_left_alone(device, monkeypatch):
    if device == "cpu":
        monkeypatch.setattr(huge_pages, "ADVICE", None)
    memory = torch.empty(HUGE, device=device)
    assert on_huge_pages(memory) is memory
