"""Logs of events: nothing lost, nothing doubled, whatever becomes of the writer."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tronrec import locks
from tronrec.experiment import event_log, segments
from tronrec.experiment.event_log import EventLog, ExposureLog, OutcomeLog
from tronrec.experiment.schemas import EXPOSURE, EXPOSURES, OUTCOMES
from tronrec.experiment.segments import recover

KILLS = int(os.environ.get("TRONREC_KILLS", "2"))
MOMENT = datetime(2023, 5, 9, 12, tzinfo=UTC)


def read(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "*.parquet")


def names(folder: Path, ending: str) -> list[str]:
    return sorted(path.name for path in folder.glob(f"*{ending}"))


def test_what_is_shown_is_in_the_log(tmp_path: Path) -> None:
    with ExposureLog(tmp_path) as log:
        first = log.show("ä\n17", "tron", ["A-103/XL", "0663713001"], MOMENT)
        second = log.show(17, "sasrec", [])
    table = read(tmp_path)
    assert table.schema == EXPOSURES
    assert table.row(0) == (first, "ä\n17", MOMENT, "tron", ["A-103/XL", "0663713001"])
    assert table.row(1)[:2] == (second, "17")
    assert table.row(1)[4] == []
    assert abs(table.row(1)[2].timestamp() - time.time()) < 60
    assert names(tmp_path, "") == names(tmp_path, ".parquet")


def test_what_visitors_do_is_in_the_log(tmp_path: Path) -> None:
    with OutcomeLog(tmp_path) as log:
        number = log.add("a", "order", 5, 2, MOMENT)
        log.add("a", "click", "b")
    table = read(tmp_path)
    assert table.schema == OUTCOMES
    assert table.row(0) == (number, "a", MOMENT, "order", "5", 2.0)
    assert table["quantity"].to_list() == [2, 1]


def test_a_log_without_events_leaves_nothing(tmp_path: Path) -> None:
    ExposureLog(tmp_path).close()
    assert names(tmp_path, "") == []


def test_full_and_old_segments_become_parts(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(event_log, "SYNC_SECONDS", 0.02)
    with OutcomeLog(tmp_path, rotate_events=10, rotate_seconds=0.2) as log:
        for number in range(25):
            log.add("a", "click", number)
        deadline = time.monotonic() + 20
        while len(names(tmp_path, ".parquet")) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        sizes = [
            pl.read_parquet(tmp_path / name).height
            for name in names(tmp_path, ".parquet")
        ]
        assert sizes == [10, 10, 5]
        assert len(names(tmp_path, ".jsonl")) == 1


def test_threads_and_writers_share_a_folder(tmp_path: Path) -> None:
    logs = [OutcomeLog(tmp_path, rotate_events=50) for _ in range(2)]

    def write(log: OutcomeLog, thread: int) -> None:
        for number in range(200):
            log.add(thread, "click", number)

    threads = [
        threading.Thread(target=write, args=(log, 2 * place + own))
        for place, log in enumerate(logs)
        for own in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    found = read(tmp_path)
    assert found.height == 800
    assert found.select("visitor_id", "item_id").is_unique().all()


def test_an_open_segment_is_left_to_its_writer(tmp_path: Path) -> None:
    with OutcomeLog(tmp_path) as log:
        log.add("a", "click", 1)
        assert recover(tmp_path, "outcomes") == 0
        with OutcomeLog(tmp_path) as other:
            other.add("b", "click", 1)
        log.add("a", "click", 2)
    assert sorted(read(tmp_path)["visitor_id"]) == ["a", "a", "b"]


def segment_of(folder: Path, *, torn: bytes) -> Path:
    """A segment as a killed writer leaves it."""
    with OutcomeLog(folder) as log:
        log.add("a", "click", 1)
        path = next(folder.glob("*.jsonl"))
        content = path.read_bytes()
    for part in folder.glob("*.parquet"):
        part.unlink()
    path.write_bytes(content + torn)
    return path


@pytest.mark.parametrize("torn", [b"", b'{"outcome_id":"x', b"\0\0\0\0", b"{}"])
def test_a_torn_line_is_dropped_and_counted(tmp_path: Path, torn: bytes) -> None:
    segment = segment_of(tmp_path, torn=torn)
    with OutcomeLog(tmp_path) as log:
        assert log.dropped == bool(torn)
    assert read(tmp_path).height == 1
    assert not segment.exists()


def test_a_part_whose_segment_is_still_there_is_not_doubled(tmp_path: Path) -> None:
    segment = segment_of(tmp_path, torn=b"")
    content = segment.read_bytes()
    recover(tmp_path, "outcomes")
    segment.write_bytes(content)
    recover(tmp_path, "outcomes")
    assert read(tmp_path).height == 1
    assert not segment.exists()


def test_without_locks_nothing_is_taken_for_abandoned(
    tmp_path: Path, monkeypatch
) -> None:
    segment = segment_of(tmp_path, torn=b"")
    monkeypatch.setattr(locks, "is_free", lambda _: False)
    assert recover(tmp_path, "outcomes") == 0
    assert segment.exists()


class FullDisk:
    """A file to which only a few more bytes can be written."""

    def __init__(self, file) -> None:
        self._file = file

    def write(self, line: bytes) -> int:
        return self._file.write(line[:7])

    def __getattr__(self, name: str):
        return getattr(self._file, name)


def test_a_full_disk_refuses_an_event_whole(tmp_path: Path) -> None:
    with OutcomeLog(tmp_path) as log:
        log.add("a", "click", 1)
        segment = log._segment
        segment._file, file = FullDisk(segment._file), segment._file
        with pytest.raises(OSError, match=r"7 of .* bytes written"):
            log.add("a", "click", 2)
        segment._file = file
        log.add("a", "click", 3)
    assert read(tmp_path)["item_id"].to_list() == ["1", "3"]


def test_a_part_that_cannot_be_written_is_tried_again(
    tmp_path: Path, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(event_log, "SYNC_SECONDS", 0.02)
    convert, failures = segments.convert, [OSError("no room")] * 2

    def fail_first(path: Path) -> int:
        if failures:
            raise failures.pop()
        return convert(path)

    monkeypatch.setattr(segments, "convert", fail_first)
    with OutcomeLog(tmp_path, rotate_events=1) as log:
        log.add("a", "click", 1)
        log.add("a", "click", 2)
        deadline = time.monotonic() + 20
        while failures and time.monotonic() < deadline:
            time.sleep(0.02)
    assert read(tmp_path).height == 2
    assert "no room; events wait in their segments" in caplog.text


WRITER = """
import sys, threading
from pathlib import Path
from tronrec.experiment.event_log import ExposureLog

log = ExposureLog(Path(sys.argv[1]), rotate_events=300)
def write(thread):
    while True:
        number = log.show(thread, "tron", range(20))
        sys.stdout.write(number + "\\n")
        sys.stdout.flush()
for thread in range(4):
    threading.Thread(target=write, args=(thread,)).start()
"""


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """What was acknowledged is there, once; beyond it one event a thread at most."""
    acknowledged: list[str] = []
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        acknowledged.append(writer.stdout.readline().strip())
        killer = threading.Timer(
            random.uniform(0.05, 1.5), writer.send_signal, [signal.SIGKILL]
        )
        killer.start()
        printed = writer.stdout.read().split("\n")
        acknowledged += printed[:-1]
        writer.wait()
        writer.stdout.close()
    with EventLog(tmp_path, "exposures") as log:
        assert log.dropped == 0
    found = read(tmp_path)[EXPOSURE]
    assert found.is_unique().all()
    assert set(acknowledged) <= set(found)
    assert len(found) <= len(acknowledged) + 4 * KILLS
    assert names(tmp_path, ".jsonl") == []
