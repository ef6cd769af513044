import pytest
import torch

from tronrec.training import memory
from tronrec.training.memory import peak_bytes, release_freed, reset_peak

cpu = torch.device("cpu")


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="only Linux tells the peak")
def test_the_peak_is_that_since_the_reset():
    reset_peak(cpu)
    before = peak_bytes(cpu)
    torch.ones(30_000_000)  # 120 MB, freed at once
    assert 110e6 < peak_bytes(cpu) - before < 250e6
    reset_peak(cpu)
    assert peak_bytes(cpu) < before + 60e6


def test_where_nothing_tells_the_peak_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "none")
    reset_peak(cpu)
    assert peak_bytes(cpu) is None


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="only Linux tells the peak")
def test_where_it_may_not_be_reset_the_peak_is_an_earlier_one(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CLEAR", tmp_path)  # a folder cannot be written to
    reset_peak(cpu)
    assert peak_bytes(cpu) > 0


def test_freed_memory_is_given_back_where_the_c_library_can(monkeypatch):
    given: list[int] = []
    monkeypatch.setattr(memory, "TRIM", given.append)
    release_freed()
    assert given == [0]
    monkeypatch.setattr(memory, "TRIM", None)
    release_freed()
    assert given == [0]
