"""A file is whole or absent, whoever writes it beside whom, and whatever ends them."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
import torch
from kedro.io import DatasetError
from safetensors.torch import save_file

from reference.disks import no_file_above
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.files import refusing, replacing, temporary_file, temporary_folder
from tronrec.schemas import INDEX, ITEM, SESSION

KILLED = """
import sys, time
from pathlib import Path
from tronrec.files import replacing

with replacing(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


LEFT = """
import os, threading
from tronrec.files import temporary_folder

def work():
    with temporary_folder() as folder:
        (folder / "sessions").write_text("many")
        print(folder, flush=True)
        threading.Event().wait()

threading.Thread(target=work, daemon=True).start()
input()
"""


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_file_and_its_folders_appear(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/a.txt"
    with replacing(path) as aside:
        aside.write_text("whole")
        assert aside.name == path.name
        assert not path.exists()
    assert path.read_text() == "whole"
    assert left(path.parent) == ["a.txt"]


def test_after_an_error_the_old_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as aside:
        aside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert left(tmp_path) == ["a.txt"]


def test_threads_write_one_file_beside_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write(text: str) -> None:
        with replacing(path) as aside:
            aside.write_text(text)

    texts = [str(number) * 10_000 for number in range(8)]
    with ThreadPoolExecutor(len(texts)) as threads:
        list(threads.map(write, texts * 10))
    assert path.read_text() in texts
    assert left(tmp_path) == ["a.txt"]


def test_what_a_killed_run_left_goes_and_what_a_live_one_writes_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a[1].txt"
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with replacing(path) as aside:
            aside.write_text("first")
        (folder,) = tmp_path.glob(".*")
        assert (folder / path.name).read_text() == "half"
        process.send_signal(signal.SIGKILL)
    with replacing(path) as aside:
        aside.write_text("second")
    assert path.read_text() == "second"
    assert left(tmp_path) == [path.name]


@pytest.fixture
def small_files() -> Iterator[None]:
    with no_file_above(100_000):
        yield


def write_table(path: Path) -> None:
    with path.open("wb") as file:
        pl.LazyFrame({"a": torch.rand(1_000_000).numpy()}).sink_parquet(file)


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(bytes(1_000_000)),
        lambda path: save_file({"a": torch.zeros(1_000_000)}, path),
        write_table,
    ],
    ids=["python", "safetensors", "polars"],
)
def test_a_full_disk_is_one_message(write, tmp_path: Path) -> None:
    path = tmp_path / "a"
    refusal = pytest.raises(UserError, match=r"a cannot be written: .*File too large")
    with refusal, replacing(path) as aside:
        write(aside)
    assert left(tmp_path) == []


def test_a_full_disk_is_found_behind_other_errors(tmp_path: Path) -> None:
    """Libraries in Rust give a text without a number, Kedro another error."""
    refusal = pytest.raises(UserError, match=r"a cannot be written: no part was saved")
    with refusal, replacing(tmp_path / "a"):
        try:
            raise OSError("No space left on device (os error 28)")
        except OSError as error:
            raise DatasetError("no part was saved") from error


@pytest.mark.usefixtures("small_files")
def test_temporary_files_have_the_room_that_is_asked_for() -> None:
    """One that is mapped where there is none would end the process."""
    with temporary_file(90_000) as file:
        assert os.fstat(file.fileno()).st_size == 90_000
    with pytest.raises(
        UserError, match=r"TMPDIR says\) cannot be written: .*too large"
    ):
        PackedSessions.from_clicks(
            pl.LazyFrame({SESSION: [0] * 30_000, ITEM: [1] * 30_000}),
            pl.DataFrame({ITEM: [1], INDEX: [1]}, {ITEM: pl.Int64, INDEX: pl.Int32}),
        )


def test_no_temporary_folder_at_all_is_one_message(monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    refusal = pytest.raises(
        UserError, match=r"TMPDIR says\) cannot be written: .*nowhere"
    )
    with refusal, temporary_folder():
        pass


@pytest.mark.parametrize("killed", [False, True])
def test_a_temporary_folder_goes_with_its_process_or_with_the_next(
    killed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LEFT], text=True, **pipes) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        with temporary_folder() as other:
            assert sorted(tmp_path.iterdir()) == sorted([folder, other])
        if killed:
            process.kill()
        else:
            process.communicate("\n")
    assert folder.exists() is killed
    with temporary_folder():
        assert not folder.exists()


def test_what_is_said_in_plain_words_is_said_once(tmp_path: Path) -> None:
    refusal = pytest.raises(UserError, match=r"^\S*/b cannot be written: ")
    with refusal, replacing(tmp_path / "a"), refusing(tmp_path / "b"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_name_that_is_too_long_is_one_message(tmp_path: Path) -> None:
    refusal = pytest.raises(UserError, match=r"cannot be written: .*too long")
    with refusal, replacing(tmp_path / ("a" * 300)):
        pass


def test_a_folder_of_somebody_else_stays(tmp_path: Path, monkeypatch) -> None:
    """A copy of a study, say, which has a file that is called lock."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "tronrec-backup").mkdir()
    (tmp_path / "tronrec-backup" / "lock").touch()
    with temporary_folder():
        pass
    assert left(tmp_path) == ["tronrec-backup", "tronrec-backup/lock"]


def test_a_file_in_the_place_of_the_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    refusal = pytest.raises(UserError, match=r"data/b/a cannot be written: .*Make room")
    with refusal, replacing(tmp_path / "data/b/a"):
        pass


def test_other_errors_of_the_writer_stay_what_they_are(tmp_path: Path) -> None:
    missing = OSError(errno.ENOENT, "a source file is gone")
    with pytest.raises(OSError) as raised, replacing(tmp_path / "a"):
        raise missing
    assert raised.value is missing
