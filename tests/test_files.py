"""A file is whole or absent, whoever writes it beside whom, and whatever ends them."""

import errno
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from tronrec.errors import UserError
from tronrec.files import replacing

KILLED = """
import sys, time
from pathlib import Path
from tronrec.files import replacing

with replacing(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
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
    """No file may grow beyond 100 kB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


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
