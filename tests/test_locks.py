"""Locks between processes and threads, free as soon as their holder is gone."""

import errno
import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tronrec import locks

HOLD = """
import sys, time
from pathlib import Path
from tronrec import locks

with locks.hold(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_holds_it_unless_all_share_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not locks.is_free(path)
    with locks.hold(path) as first, locks.hold(path, wait=False) as second:
        assert (first, second) == (True, False)
        assert not locks.is_free(path)
    with locks.hold(path, shared=True), locks.hold(path, shared=True) as second:
        assert second
        with locks.hold(path, wait=False) as third:
            assert not third
    assert locks.is_free(path)


@pytest.mark.parametrize("kind", ["shared", "alone"])
def test_a_killed_process_holds_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not locks.is_free(path)
        with locks.hold(path, shared=True, wait=False) as held:
            assert held is (kind == "shared")
        process.send_signal(signal.SIGKILL)
    assert locks.is_free(path)


def test_a_file_system_without_locks_lets_everybody_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locks.hold(tmp_path / "lock", wait=False) as held:
        assert held
    assert not locks.is_free(tmp_path / "lock")  # which nobody can tell
