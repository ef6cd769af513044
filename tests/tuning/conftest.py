import os

import pytest


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies of tests need not survive a power failure; waiting for disks is slow."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
