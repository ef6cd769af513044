"""A line is good or bad whatever its neighbours are, and what is bad has words."""

import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tronrec.data.events import RefusedError
from tronrec.data.formats import FORMATS
from tronrec.data.formats.raw_format import LineParser
from tronrec.data.reading import bad_lines
from tronrec.data.reading.bad_lines import BadLine, read_file, split_block
from tronrec.data.reading.blocks import Block
from tronrec.data.reading.ingest import find_bad_lines, scan_events
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.errors import UserError
from tronrec.params import Columns, IngestionParams

HEADERS = {
    "csv": b"session_id,item_id,timestamp,note",
    "diginetica": b"session_id;user_id;item_id;timeframe;eventdate",
}
GOOD = {
    "csv": b'7,5,2022-08-01 12:00:00,"a ""b"", c"',
    "jsonl": b'{"session_id":7,"item_id":5,"timestamp":"2022-08-01 12:00:00"}',
    "diginetica": b"7;NA;81766;526309;2016-05-09",
    "yoochoose": b"7,2014-04-07T10:51:09.277Z,214536502,0",
    "otto": b'{"session":7,"events":[{"aid":5,"ts":1661200010000,"type":"clicks"}]}',
}
formats = st.sampled_from(list(GOOD))
PIECES = [b"", b",", b";", b'"', b"\\", b"\r", b" ", b"{", b"]", b"\xff", b"x", b"-"]
PIECES += [
    b"\xc3\xa4",
    b"1",
    b"\t",
    b"\x00",
    b"null",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"e5",
]


def parser_of(format: str) -> LineParser:
    reader = FORMATS[format].reader
    parser, _ = reader.begin(HEADERS.get(format, b""), Columns())
    return parser


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Good lines of a format, some with a few bytes cut out or put in."""
    format = draw(formats)
    drawn = []
    for _ in range(draw(st.integers(1, 6))):
        line = GOOD[format]
        for _ in range(draw(st.integers(0, 2))):
            place = draw(st.integers(0, len(line)))
            piece = draw(st.sampled_from(PIECES))
            line = line[:place] + piece + line[place + draw(st.integers(0, 2)) :]
        drawn.append(line)
    return format, drawn


def judge(format: str, given: list[bytes]) -> tuple[list[tuple], list[BadLine]]:
    block = Block("log", 1, b"".join(line + b"\n" for line in given))
    events, bad = split_block(parser_of(format), block)
    return events.rows(), bad


@settings(max_examples=300)
@given(lines())
def test_neighbours_change_nothing(drawn: tuple[str, list[bytes]]) -> None:
    format, given = drawn
    events, bad = judge(format, given)
    alone = [judge(format, [line]) for line in given]
    assert events == [event for found, _ in alone for event in found]
    assert [(line.line, line.reason, line.text) for line in bad] == [
        (number, line.reason, line.text)
        for number, (_, found) in enumerate(alone, start=1)
        for line in found
    ]


@settings(max_examples=300)
@given(lines())
def test_what_has_a_fault_is_refused(drawn: tuple[str, list[bytes]]) -> None:
    format, given = drawn
    parser = parser_of(format)
    for line in given:
        if parser.find_fault(line):
            with pytest.raises((RefusedError, pl.exceptions.PolarsError, OSError)):
                parser.parse(line + b"\n")


@pytest.mark.parametrize(
    ("format", "line", "reason"),
    [
        ("csv", b"", "the line is blank"),
        ("csv", b"7,5,2022-08-01 12:00:00,a,", "5 fields instead of 4"),
        ("csv", b"7,5,2022-08-01 12:00:00", "3 fields instead of 4"),
        ("csv", b'7,"5,2022-08-01 12:00:00,a', "a quote does not end, or is inside"),
        ("csv", b'7,5,2022-08-01 12:00:00,"a" b', "a quote does not end, or is inside"),
        ("csv", b"7,5,2022-08-01 12:00:00,\xff", "byte 25 of the line is not UTF-8"),
        ("csv", b"7,SKU-5,2022-08-01 12:00:00,a", "the item must be a whole number"),
        ("csv", b"7,5,2022-02-30 12:00:00,a", "the time must be valid and from 1990"),
        ("csv", b"7,5,1889-02-28 12:00:00,a", "the time must be valid and from 1990"),
        ("jsonl", b'{"session_id":7,"it', "the line is no whole JSON object"),
        ("jsonl", b"[7]", "the line is no JSON object"),
        ("jsonl", b'{"session_id":"x"}', "the session must be a whole number"),
        ("yoochoose", b"7;2014-04-07T10:51:09.277Z;5;0", "1 fields instead of 4"),
        ("diginetica", b"7;NA;5;0;2016-05-09;", "6 fields instead of 5"),
        ("otto", GOOD["otto"][:-1], "the line is no whole JSON object"),
        ("otto", GOOD["otto"].replace(b"5,", b'"5",'), "the item must be a whole"),
    ],
)
def test_reasons_are_in_our_words(format: str, line: bytes, reason: str) -> None:
    events, (bad,) = judge(format, [GOOD[format], line, GOOD[format]])
    assert len(events) == 2
    assert bad.line == 2
    assert bad.reason.startswith(reason)


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize(
    "line", [b"", b"7,5,2022-08-01,a,", b"7,SKU-5,2022-08-01 12:00:00,a"]
)
def test_many_bad_lines_take_seconds(line: bytes, every: int) -> None:
    given = [line if n % every == 0 else GOOD["csv"] for n in range(16_000)]
    started = time.process_time()
    events, bad = judge("csv", given)
    assert len(events) + len(bad) == len(given)
    assert time.process_time() - started < 5  # halving took minutes


def test_a_line_that_only_the_parser_refuses_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bad_lines, "UNREADABLE", "unreadable")
    given = [GOOD["jsonl"]] * 9
    given[4] = GOOD["jsonl"].replace(b"5,", b"NaN,")
    events, (bad,) = judge("jsonl", given)
    assert (len(events), bad.line, bad.reason) == (8, 5, "unreadable")


@pytest.mark.parametrize("format", GOOD)
def test_a_byte_order_mark_is_no_part_of_any_format(
    format: str, tmp_path: Path
) -> None:
    head = HEADERS.get(format, b"")
    text = (head and head + b"\n") + GOOD[format] + b"\n\r\n\n"
    (tmp_path / "log").write_bytes(b"\xef\xbb\xbf" + text)
    raw = RawFile(str(tmp_path / "log"))
    ((events, bad),) = read_file(RawLog(FORMATS[format], (raw,)), raw)
    assert (events.height, bad) == (1, [])


def scan(path: Path, params: IngestionParams) -> pl.LazyFrame:
    path.write_bytes(HEADERS["csv"] + b"\n" + GOOD["csv"] + b"\n" + b"7,x,y,\n" * 5)
    return scan_events(RawLog(FORMATS["csv"], (RawFile(str(path)),)), params)


def test_a_limit_on_bad_lines_says_what_can_be_done(tmp_path: Path) -> None:
    params = IngestionParams(on_bad_rows="quarantine", max_bad_rows=3)
    with pytest.raises(UserError) as caught:
        scan(tmp_path / "log", params).collect()
    message = str(caught.value)
    assert "More than 3 bad lines (ingestion.max_bad_rows), the last one " in message
    assert "log:6: the item must be" in message
    assert "quarantine" not in message
    allowed = params.model_copy(update={"max_bad_rows": 5})
    assert find_bad_lines(scan(tmp_path / "log", allowed)).collect().height == 5


def test_a_bad_line_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"log:3: .*; expected .*on_bad_rows to quara"):
        scan(tmp_path / "log", IngestionParams()).collect()
