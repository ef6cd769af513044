"""From raw files to events: nothing lost, nothing made up, whatever the blocks."""

import gzip
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

import fsspec
import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from reference.clicks import Click, Log, logs, rows
from reference.damage import damaged_files
from reference.raw import read_file, write_lines
from tronrec.data.events import TYPE
from tronrec.data.formats import FORMATS
from tronrec.data.reading.ingest import (
    BUCKET,
    count_events,
    event_schema,
    find_bad_lines,
    scan_events,
)
from tronrec.data.reading.log import RawLog, find_raw_log
from tronrec.errors import UserError
from tronrec.params import Columns, IngestionParams
from tronrec.schemas import CLICKS, ITEM, SESSION, TIME

NAMES = ("diginetica", "yoochoose", "otto")
formats = st.sampled_from(NAMES)
MOMENT = datetime(2022, 8, 1, tzinfo=UTC)
LOG = [Click(s, i, MOMENT) for s, i in ((7, 5), (3, 6), (7, 6), (3, 5))]


@contextmanager
def raw_log(format: str, train: bytes, test: bytes | None = None) -> Iterator[RawLog]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / FORMATS[format].files["train"]).write_bytes(train)
        if test is not None:
            (folder / FORMATS[format].files["test"]).write_bytes(test)
        yield find_raw_log(FORMATS[format], name)


def encode(format: str, log: Log) -> bytes:
    return "\n".join(write_lines(format, log)).encode() + b"\n"


def in_file_order(events: pl.DataFrame) -> Log:
    """Return clicks as rows; sessions are dealt into buckets, so they are sorted."""
    return sorted(rows(events.select(CLICKS.names())), key=by_session)


def by_session(click: Click) -> tuple[bool, int]:
    return click.test_file, click.session


@settings(max_examples=60)
@given(format=formats, log=logs(), block_bytes=st.integers(1, 2000))
def test_every_event_is_read_whatever_the_blocks(
    format: str, log: Log, block_bytes: int
) -> None:
    with raw_log(format, encode(format, log)) as raw:
        events = scan_events(raw, IngestionParams(), block_bytes).collect()
    assert events.schema == event_schema(Columns())
    assert in_file_order(events) == sorted(log, key=by_session)
    assert events[TYPE].unique().to_list() == ["clicks"]
    assert events[BUCKET].is_sorted()


@settings(max_examples=20)
@given(log=logs(two_files=True))
def test_the_test_file_is_marked(log: Log) -> None:
    parts = [[c for c in log if c.test_file is is_test] for is_test in (False, True)]
    if not all(parts):
        return
    with raw_log("otto", *(encode("otto", part) for part in parts)) as raw:
        events = scan_events(raw, IngestionParams()).collect()
        report = count_events(raw, events.lazy())
    assert in_file_order(events) == sorted(log, key=by_session)
    for role, part in zip(("train", "test"), parts, strict=True):
        assert report[role] == {
            "files": [str(file) for file in getattr(raw, role)],
            "bad_lines": 0,
            "events": len(part),
            "clicks": len(part),
            "carts": 0,
            "orders": 0,
            "other": 0,
        }


def test_events_of_other_types_are_counted_and_dropped() -> None:
    line = (
        '{"session":1,"events":[{"aid":5,"ts":1661200010000,"type":"clicks"},'
        '{"aid":6,"ts":1661200010001,"type":"carts"},'
        '{"aid":7,"ts":1661200010002,"type":"clicks"}]}\n'
        '{"session":2,"events":[{"aid":5,"ts":1661200010000,"type":"orders"}]}\n'
    )
    with raw_log("otto", line.encode()) as raw:
        report = count_events(raw, scan_events(raw, IngestionParams()))
    found = {"bad_lines": 0, "events": 4}
    types = {"clicks": 2, "carts": 1, "orders": 1, "other": 0}
    assert report == {"train": {"files": [str(raw.train[0])]} | found | types}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_files_are_found_and_read(pack, tmp_path: Path) -> None:
    suffix = ".gz" if pack is gzip.compress else ".zst"
    data = pack(encode("yoochoose", LOG))
    (tmp_path / f"yoochoose-clicks.dat{suffix}").write_bytes(data)
    log = find_raw_log(FORMATS["yoochoose"], str(tmp_path))
    events = scan_events(log, IngestionParams()).collect()
    assert in_file_order(events) == sorted(LOG, key=by_session)


def test_a_query_takes_what_it_needs() -> None:
    with raw_log("yoochoose", encode("yoochoose", LOG * 3)) as raw:
        events = scan_events(raw, IngestionParams(clicks_at_once=4), 50)
        whole = events.collect()
        assert_frame_equal(events.head(5).collect(), whole.head(5))
        assert_frame_equal(events.select(ITEM).collect(), whole.select(ITEM))
        picked = pl.col(SESSION) == 3
        assert_frame_equal(
            events.filter(picked).select(ITEM).head(3).collect(),
            whole.filter(picked).select(ITEM).head(3),
        )


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("yoochoose", b""),
        ("yoochoose", gzip.compress(b"", mtime=0)),
        ("otto", b""),
        ("otto", b'{"session":1,"events":[]}\n'),
        ("diginetica", b""),
        ("diginetica", b"session_id;user_id;item_id;timeframe;eventdate\n"),
    ],
)
def test_a_file_without_events_is_an_error(format: str, data: bytes) -> None:
    with raw_log(format, data) as raw, pytest.raises(UserError, match="no events"):
        scan_events(raw, IngestionParams()).collect()


def test_a_bad_line_deep_in_a_packed_file_stops_the_writing(tmp_path: Path) -> None:
    lines = write_lines("otto", LOG * 500)
    lines[1234] = lines[1234][:30]  # torn in the middle of a file
    with (
        raw_log("otto", gzip.compress("\n".join(lines).encode())) as raw,
        pytest.raises(
            UserError, match=rf"{raw.train[0].name}:1235: .*Correct or delete"
        ),
    ):
        scan_events(raw, IngestionParams(), 1000).sink_parquet(
            tmp_path / "events.parquet"
        )


@pytest.mark.parametrize("zone", ["America/St_Johns", "Asia/Tokyo"])
@pytest.mark.parametrize("format", NAMES)
def test_times_do_not_depend_on_the_time_zone_of_the_machine(
    format: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = [Click(1, 2, MOMENT), Click(1, 3, MOMENT.replace(month=11, hour=23))]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        with raw_log(format, encode(format, log)) as raw:
            events = scan_events(raw, IngestionParams()).collect()
            assert in_file_order(events) == log
    finally:
        monkeypatch.undo()
        time.tzset()


@settings(max_examples=400)
@given(file=damaged_files(NAMES), block_bytes=st.sampled_from([1, 100, 10_000]))
def test_a_damaged_file_is_read_exactly_or_refused(
    file: tuple[str, bytes], block_bytes: int
) -> None:
    format, data = file
    with raw_log(format, data) as raw:
        try:
            events = scan_events(raw, IngestionParams(), block_bytes).collect()
        except UserError:
            return
    found = events.select(SESSION, ITEM, TIME, TYPE).rows()
    assert sorted(found, key=itemgetter(0)) == sorted(
        read_file(format, data), key=itemgetter(0)
    )


@settings(max_examples=200)
@given(file=damaged_files(NAMES), block_bytes=st.sampled_from([1, 100, 10_000]))
def test_a_damaged_file_loses_its_bad_lines_only(
    file: tuple[str, bytes], block_bytes: int
) -> None:
    format, data = file
    params = IngestionParams(on_bad_rows="quarantine")
    with raw_log(format, data) as raw:
        try:
            table = scan_events(raw, params, block_bytes).collect().lazy()
        except UserError:  # the header, or no line is good
            return
        bad = find_bad_lines(table).collect()
    assert set(bad["file"]) <= {str(raw.train[0])}
    assert all(len(text) <= 200 for text in bad["text"])
    bad_numbers = set(bad["line"])
    lines = data.split(b"\n")
    kept = [b"" if n in bad_numbers else x for n, x in enumerate(lines, start=1)]
    good = b"".join(x + b"\n" for x in kept if x)
    found = table.filter(pl.col(TYPE).is_not_null())
    events = found.select(SESSION, ITEM, TIME, TYPE).collect().rows()
    assert sorted(events, key=itemgetter(0)) == sorted(
        read_file(format, good), key=itemgetter(0)
    )


def test_too_many_bad_lines_stop_the_run() -> None:
    lines = [line + "x" for line in write_lines("yoochoose", LOG)]
    lines[1] = lines[3] = "no click"
    data = "\n".join(lines).encode()
    params = IngestionParams(on_bad_rows="quarantine", max_bad_rows=2)
    with raw_log("yoochoose", data) as raw:
        found = find_bad_lines(scan_events(raw, params)).collect()
        assert found.rows() == [
            (str(raw.train[0]), n, found["reason"][0], "no click") for n in (2, 4)
        ]
        stricter = params.model_copy(update={"max_bad_rows": 1})
        with pytest.raises(UserError, match=r"More than 1 bad lines .*:4: "):
            scan_events(raw, stricter).collect()


def test_parts_of_a_folder_are_read_in_the_order_of_their_names() -> None:
    filesystem = fsspec.filesystem("memory")
    folder = "/parts/yoochoose-clicks.dat"
    lines = write_lines("yoochoose", LOG)
    for number, line in enumerate(lines):
        packed = gzip.compress(line.encode()) if number % 2 else line.encode()
        filesystem.pipe(f"{folder}/part-{number}", packed)
    filesystem.pipe(f"{folder}/_SUCCESS", b"")
    log = find_raw_log(FORMATS["yoochoose"], "/parts", filesystem)
    assert [file.name for file in log.train] == [f"part-{n}" for n in range(len(lines))]
    events = scan_events(log, IngestionParams()).collect()
    assert in_file_order(events) == sorted(LOG, key=by_session)
    before = log.fingerprint()
    filesystem.pipe(f"{folder}/part-0", lines[1].encode())
    assert log.fingerprint() != before
    filesystem.rm("/parts", recursive=True)
