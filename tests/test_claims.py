"""Of two runs that get in each other's way, the second is refused in plain words."""

import errno
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tronrec import locks
from tronrec.claims import Claim, Note, claimed
from tronrec.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from tronrec import locks
from tronrec.claims import Claim, claimed

with claimed(Path(sys.argv[1]), Claim(frozenset(sys.argv[2:]), frozenset())):
    print("held", flush=True)
    time.sleep(60)
"""


def claim(writes: str = "", reads: str = "", **other: object) -> Claim:
    return Claim(frozenset(writes.split()), frozenset(reads.split()), **other)


names = st.frozensets(st.sampled_from("abcd"))
claims = st.builds(Claim, names, names, names, st.none() | st.sampled_from("xy"))


@given(one=claims, two=claims)
def test_conflicts_are_what_is_written_by_one_and_touched_by_the_other(
    one: Claim, two: Claim
) -> None:
    expected = {
        name
        for name in "abcd"
        if (name in one.writes and name in two.writes | two.reads)
        or (name in two.writes and name in one.writes | one.reads)
        if not (name in one.shared and name in two.shared)
        if one.group is None or one.group != two.group
    }
    assert one.conflicts(two) == two.conflicts(one) == expected


@given(one=claims)
def test_a_note_is_read_as_it_was_written(one: Claim) -> None:
    note = Note.of_this_process(one)
    assert Note.read(note.write()) == note


def test_runs_that_do_not_meet_go_on_beside_each_other(tmp_path: Path) -> None:
    with (
        claimed(tmp_path, claim("model", "sessions")),
        claimed(tmp_path, claim("study trials", "sessions")),
        claimed(tmp_path, claim("other.model")),
    ):
        assert len(list(tmp_path.glob("*.json"))) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_refusal_says_who_does_what_and_what_to_do(tmp_path: Path) -> None:
    with claimed(tmp_path, claim("a b c d e", "f")):
        with pytest.raises(UserError) as writing, claimed(tmp_path, claim(reads="a")):
            pass
        with pytest.raises(UserError) as reading, claimed(tmp_path, claim("f")):
            pass
        with pytest.raises(UserError) as many, claimed(tmp_path, claim("a b c d e f")):
            pass
    assert "Another run is writing a: `" in str(writing.value)
    assert "Another run is reading f: `" in str(reading.value)
    assert "Another run is writing a, b, c and 2 more: `" in str(many.value)
    assert "Wait until it has ended" in str(writing.value)
    with claimed(tmp_path, claim("a b c")):
        pass


def test_a_killed_run_is_in_nobodys_way(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path), "a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        refusal = pytest.raises(UserError, match=f"process {process.pid} on ")
        with refusal, claimed(tmp_path, claim("a")):
            pass
        process.send_signal(signal.SIGKILL)
    with claimed(tmp_path, claim("a")):
        assert len(list(tmp_path.glob("*.json"))) == 1


def test_of_runs_that_start_together_one_goes_on(tmp_path: Path) -> None:
    """Were the claims made one by one, each could be refused because of the other."""
    together = Barrier(8)

    def start(number: int) -> bool:
        together.wait()
        with ExitStack() as stack:
            try:
                stack.enter_context(claimed(tmp_path, claim(f"a b own{number}")))
            except UserError:
                together.wait()
                return False
            together.wait()  # nobody lets go before all have tried
            return True

    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(start, range(8))) == 1


def test_a_run_that_ends_this_moment_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ended.json").touch()

    def end(path: Path) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr(locks, "is_held", end)
    with claimed(tmp_path, claim("a")):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    refusal = pytest.raises(UserError, match=r"\.locks cannot be written: .*data_root")
    with refusal, claimed(tmp_path / "data/.locks", claim("a")):
        pass


@pytest.mark.parametrize("fails", ["open", "write_text"])
def test_a_disk_without_room_for_a_note_is_one_message(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with claimed(tmp_path, claim("a")):
        pass

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, fails, refuse)
    refusal = pytest.raises(UserError, match=r"cannot be written: .*No space left")
    with refusal, claimed(tmp_path, claim("a")):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
