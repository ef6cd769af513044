"""From raw files to clicks: nothing lost, in order, whatever the blocks and slices."""

import gzip
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from reference.clicks import Click, Log, in_order, logs, rows
from reference.raw import read_file, write_lines
from tronrec.data.formats import TYPE
from tronrec.data.ingest import EVENTS, count_events, scan_events, sort_clicks
from tronrec.data.raw import FILES, Format, RawLog, find_raw_log
from tronrec.errors import UserError
from tronrec.schemas import CLICKS, ITEM, SESSION, TEST_FILE

FORMATS: tuple[Format, ...] = ("diginetica", "yoochoose", "otto")
formats = st.sampled_from(FORMATS)
MOMENT = datetime(2022, 8, 1, tzinfo=UTC)
LOG = [Click(s, i, MOMENT) for s, i in ((7, 5), (3, 6), (7, 6), (3, 5))]


@contextmanager
def raw_log(
    format: Format, train: bytes, test: bytes | None = None
) -> Iterator[RawLog]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / FILES[format]["train"]).write_bytes(train)
        if test is not None:
            (folder / FILES[format]["test"]).write_bytes(test)
        yield find_raw_log(format, folder)


def encode(format: Format, log: Log) -> bytes:
    return "\n".join(write_lines(format, log)).encode() + b"\n"


def events_of(log: Log) -> pl.LazyFrame:
    return pl.LazyFrame([(*click, "clicks") for click in log], EVENTS, orient="row")


@settings(deadline=None, max_examples=60)
@given(format=formats, log=logs(), block_bytes=st.integers(1, 2000))
def test_every_event_is_read_whatever_the_blocks(
    format: Format, log: Log, block_bytes: int
) -> None:
    with raw_log(format, encode(format, log)) as raw:
        events = scan_events(raw, block_bytes).collect()
    assert events.schema == EVENTS
    assert rows(events.drop(TYPE)) == log
    assert events[TYPE].unique().to_list() == ["clicks"]


@settings(deadline=None, max_examples=20)
@given(log=logs(two_files=True))
def test_the_test_file_is_marked(log: Log) -> None:
    parts = [[c for c in log if c.test_file is is_test] for is_test in (False, True)]
    if not all(parts):
        return
    with raw_log("otto", *(encode("otto", part) for part in parts)) as raw:
        events = scan_events(raw).collect()
        report = count_events(raw, events.lazy())
    assert rows(events.drop(TYPE)) == log
    for role, part in zip(("train", "test"), parts, strict=True):
        assert report[role] == {
            "file": str(getattr(raw, role)),
            "sessions": len({click.session for click in part}),
            "events": len(part),
            "clicks": len(part),
            "carts": 0,
            "orders": 0,
        }


def test_events_of_other_types_are_counted_and_dropped() -> None:
    line = (
        '{"session":1,"events":[{"aid":5,"ts":1661200010000,"type":"clicks"},'
        '{"aid":6,"ts":1661200010001,"type":"carts"},'
        '{"aid":7,"ts":1661200010002,"type":"clicks"}]}\n'
        '{"session":2,"events":[{"aid":5,"ts":1661200010000,"type":"orders"}]}\n'
    )
    with raw_log("otto", line.encode()) as raw:
        events = scan_events(raw).collect().lazy()
        report = count_events(raw, events)
    found = {"sessions": 2, "events": 4, "clicks": 2, "carts": 1, "orders": 1}
    assert report == {"train": {"file": str(raw.train)} | found}
    assert sort_clicks(events).collect()[ITEM].to_list() == [5, 7]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_files_are_found_and_read(pack, tmp_path: Path) -> None:
    suffix = ".gz" if pack is gzip.compress else ".zst"
    data = pack(encode("yoochoose", LOG))
    (tmp_path / f"yoochoose-clicks.dat{suffix}").write_bytes(data)
    events = scan_events(find_raw_log("yoochoose", tmp_path))
    assert rows(events.drop(TYPE)) == LOG


def test_a_query_takes_what_it_needs() -> None:
    with raw_log("yoochoose", encode("yoochoose", LOG * 3)) as raw:
        events = scan_events(raw, 50)
        whole = events.collect()
        assert_frame_equal(events.head(5).collect(), whole.head(5))
        assert_frame_equal(events.select(ITEM).collect(), whole.select(ITEM))
        picked = pl.col(SESSION) == 3
        assert_frame_equal(
            events.filter(picked).select(ITEM).head(3).collect(),
            whole.filter(picked).select(ITEM).head(3),
        )


@settings(deadline=None, max_examples=60)
@given(log=logs(two_files=True), clicks_at_once=st.integers(1, 30))
def test_clicks_are_in_order_whatever_the_slices(log: Log, clicks_at_once: int) -> None:
    clicks = sort_clicks(events_of(log), clicks_at_once)
    assert clicks.collect_schema() == CLICKS
    assert rows(clicks) == in_order(log)


def test_clicks_of_one_moment_stay_in_the_order_of_the_file() -> None:
    log = [Click(1, item, MOMENT) for item in (5, 2, 9, 2, 7)]
    assert rows(sort_clicks(events_of(log))) == log


def test_a_session_in_both_files_is_an_error() -> None:
    log = [*LOG, Click(3, 5, MOMENT, test_file=True)]
    with pytest.raises(
        UserError, match=r"1 sessions are in the training file and .* 3;"
    ):
        sort_clicks(events_of(log))


def test_a_log_without_clicks_is_an_error() -> None:
    events = events_of(LOG).with_columns(pl.lit("carts").cast(EVENTS[TYPE]).alias(TYPE))
    with pytest.raises(UserError, match="no clicks"):
        sort_clicks(events)


def test_events_that_change_under_the_sort_are_noticed() -> None:
    sizes = iter([4, 3])
    clicks = sort_clicks(events_of(LOG).map_batches(lambda log: log.head(next(sizes))))
    with pytest.raises(RuntimeError, match="changed"):
        clicks.collect()


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("yoochoose", b""),
        ("yoochoose", gzip.compress(b"")),
        ("otto", b""),
        ("otto", b'{"session":1,"events":[]}\n'),
        ("diginetica", b""),
        ("diginetica", b"session_id;user_id;item_id;timeframe;eventdate\n"),
    ],
)
def test_a_file_without_events_is_an_error(format: Format, data: bytes) -> None:
    with raw_log(format, data) as raw, pytest.raises(UserError, match="no events"):
        scan_events(raw).collect()


def test_a_bad_line_deep_in_a_packed_file_stops_the_writing(tmp_path: Path) -> None:
    lines = write_lines("otto", LOG * 500)
    lines[1234] = lines[1234][:30]  # torn in the middle of a file
    with (
        raw_log("otto", gzip.compress("\n".join(lines).encode())) as raw,
        pytest.raises(UserError, match=rf"{raw.train.name}:1235: .*Correct or delete"),
    ):
        scan_events(raw, 1000).sink_parquet(tmp_path / "events.parquet")


@pytest.mark.parametrize("zone", ["America/St_Johns", "Asia/Tokyo"])
@pytest.mark.parametrize("format", FORMATS)
def test_times_do_not_depend_on_the_time_zone_of_the_machine(
    format: Format, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = [Click(1, 2, MOMENT), Click(1, 3, MOMENT.replace(month=11, hour=23))]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        with raw_log(format, encode(format, log)) as raw:
            assert rows(scan_events(raw).drop(TYPE)) == log
    finally:
        monkeypatch.undo()
        time.tzset()


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[Format, bytes]:
    """A good file in which a few runs of bytes are cut, doubled, moved or replaced."""
    format = draw(formats)
    data = encode(format, draw(logs(max_clicks=6)))
    parts = st.integers(0, len(data))
    for _ in range(draw(st.integers(1, 3))):
        begin, end, place = draw(parts), draw(st.integers(0, 12)), draw(parts)
        piece = draw(
            st.sampled_from([b"", data[begin : begin + end]])
            | st.text('0123456789-+.e,;:"{}[] \n\rntZ', max_size=3).map(str.encode)
            | st.binary(max_size=2)
        )
        data = data[:place] + piece + data[place + draw(st.integers(0, 3)) :]
    return format, data


@settings(deadline=None, max_examples=9000)
@given(file=damaged_files(), block_bytes=st.sampled_from([1, 100, 10_000]))
def test_a_damaged_file_is_read_exactly_or_refused(
    file: tuple[Format, bytes], block_bytes: int
) -> None:
    format, data = file
    with raw_log(format, data) as raw:
        try:
            events = scan_events(raw, block_bytes).drop(TEST_FILE).collect()
        except UserError:
            return
    assert events.rows() == read_file(format, data)
