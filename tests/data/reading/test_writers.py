"""The simulated raw files, read back with the standard library only."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from tronrec.data.formats import FORMATS, otto
from tronrec.data.reading.writers import MARK, write_raw_log
from tronrec.data.simulate import simulate_clicks
from tronrec.errors import UserError
from tronrec.params import SimulationParams
from tronrec.schemas import SESSION, TEST_FILE

NAMES = ("diginetica", "yoochoose", "otto")
Click = tuple[int, int, datetime]


@pytest.fixture(scope="module")
def clicks() -> pl.DataFrame:
    return pl.concat(
        simulate_clicks(SimulationParams(sessions=300, items=60, categories=6))
    )


def rows(clicks: pl.DataFrame) -> list[Click]:
    return clicks.drop(TEST_FILE).rows()


def read_otto(path: Path) -> list[tuple[int, int, datetime, str]]:
    return [
        (
            session["session"],
            event["aid"],
            datetime.fromtimestamp(event["ts"] // 1000, UTC)
            + timedelta(milliseconds=event["ts"] % 1000),
            event["type"],
        )
        for session in map(json.loads, path.read_text().splitlines())
        for event in session["events"]
    ]


def test_diginetica(clicks: pl.DataFrame, tmp_path: Path) -> None:
    write_raw_log([clicks], FORMATS["diginetica"], tmp_path)
    with (tmp_path / "train-item-views.csv").open() as file:
        assert file.readline() == "session_id;user_id;item_id;timeframe;eventdate\n"
        views = list(csv.reader(file, delimiter=";"))
    assert {user for _, user, *_ in views} == {"NA"}
    assert all(0 <= int(timeframe) < 86_400_000 for *_, timeframe, _ in views)
    assert rows(clicks) == [
        (
            int(session),
            int(item),
            datetime.fromisoformat(day).replace(tzinfo=UTC)
            + timedelta(milliseconds=int(timeframe)),
        )
        for session, _, item, timeframe, day in views
    ]


def test_yoochoose(clicks: pl.DataFrame, tmp_path: Path) -> None:
    write_raw_log([clicks], FORMATS["yoochoose"], tmp_path)
    lines = (tmp_path / "yoochoose-clicks.dat").read_text().splitlines()
    read = [line.split(",") for line in lines]
    assert {(len(time), time[-5], time[-1]) for _, time, *_ in read} == {(24, ".", "Z")}
    assert rows(clicks) == [
        (int(session), int(item), datetime.fromisoformat(time))
        for session, time, item, _ in read
    ]


def test_otto_divides_and_cuts_the_sessions(
    clicks: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otto, "OTHER_SHARE", 0)
    write_raw_log([clicks], FORMATS["otto"], tmp_path)
    train = read_otto(tmp_path / "otto-recsys-train.jsonl")
    test = read_otto(tmp_path / "otto-recsys-test.jsonl")
    assert {event[3] for event in train + test} == {"clicks"}
    began_late = dict(zip(clicks[SESSION][::-1], clicks[TEST_FILE][::-1], strict=True))
    trimmed = clicks.filter(~pl.col(TEST_FILE))
    assert [event[:3] for event in train] == rows(trimmed)
    late = [row for row in rows(clicks) if began_late[row[0]]]
    assert [event[:3] for event in test] == late
    cut_off = len(clicks) - len(train) - len(test)
    assert cut_off > 0
    assert max(event[2] for event in train) < min(event[2] for event in test)


def test_otto_has_carts_and_orders_beside_the_clicks(
    clicks: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otto, "OTHER_SHARE", 0)
    write_raw_log([clicks], FORMATS["otto"], tmp_path / "without")
    monkeypatch.setattr(otto, "OTHER_SHARE", 0.4)
    write_raw_log([clicks], FORMATS["otto"], tmp_path / "with")
    for name in FORMATS["otto"].files.values():
        bare = read_otto(tmp_path / "without" / name)
        events = read_otto(tmp_path / "with" / name)
        assert [event for event in events if event[3] == "clicks"] == bare
        types = [event[3] for event in events]
        others = types.count("carts") + types.count("orders")
        assert len(types) == len(bare) + others
        assert others == pytest.approx(0.4 * len(bare), rel=0.15)
        assert types.count("orders") == pytest.approx(others / 4, rel=0.25)
        clicked = {event[:2] for event in bare}
        assert {event[:2] for event in events} == clicked
        assert all(
            one[2] <= other[2] for one, other in pairwise(events) if one[0] == other[0]
        )


@pytest.mark.parametrize("format", NAMES)
def test_frames_leave_no_trace_in_the_bytes(
    clicks: pl.DataFrame, format: str, tmp_path: Path
) -> None:
    write_raw_log([clicks], FORMATS[format], tmp_path / "whole")
    by_session = clicks.partition_by(SESSION, maintain_order=True)
    write_raw_log(by_session, FORMATS[format], tmp_path / "parts")
    for name in FORMATS[format].files.values():
        whole = (tmp_path / "whole" / name).read_bytes()
        assert whole
        assert (tmp_path / "parts" / name).read_bytes() == whole


@pytest.mark.parametrize("format", NAMES)
def test_a_failure_leaves_the_files_as_they_were(
    clicks: pl.DataFrame, format: str, tmp_path: Path
) -> None:
    def failing() -> Iterator[pl.DataFrame]:
        yield clicks.head(5)
        raise RuntimeError("power cut")

    write_raw_log([clicks], FORMATS[format], tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RuntimeError, match="power cut"):
        write_raw_log(failing(), FORMATS[format], tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(RuntimeError, match="power cut"):
        write_raw_log(failing(), FORMATS[format], tmp_path / "empty")
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_a_real_log_is_never_overwritten(
    clicks: pl.DataFrame, packing: str, tmp_path: Path
) -> None:
    real = tmp_path / f"otto-recsys-test.jsonl{packing}"
    real.write_text("the publisher's")
    with pytest.raises(UserError, match=f"{real.name} was not simulated; .*raw_root"):
        write_raw_log([clicks], FORMATS["otto"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [real.name]


def test_a_simulated_log_may_be_overwritten(
    clicks: pl.DataFrame, tmp_path: Path
) -> None:
    write_raw_log([clicks], FORMATS["yoochoose"], tmp_path)
    write_raw_log([clicks.head(3)], FORMATS["yoochoose"], tmp_path)
    written = (tmp_path / "yoochoose-clicks.dat").read_text()
    assert len(written.splitlines()) == 3
    assert (tmp_path / MARK).exists()


def test_a_kill_leaves_no_simulated_file_without_its_mark(
    clicks: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    write_raw_log([clicks], FORMATS["yoochoose"], tmp_path)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", kill)
        write_raw_log([clicks], FORMATS["yoochoose"], tmp_path)
    assert (tmp_path / MARK).exists()
    (tmp_path / "yoochoose-clicks.dat").unlink()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", kill)
        write_raw_log([clicks], FORMATS["yoochoose"], tmp_path)
    assert not (tmp_path / MARK).exists()  # a real file may come


def test_a_folder_that_cannot_be_written_is_named(
    clicks: pl.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "otto").write_text("a file")
    with pytest.raises(UserError, match=r"otto-recsys.* cannot be written: .*raw_root"):
        write_raw_log([clicks], FORMATS["otto"], tmp_path / "otto")
