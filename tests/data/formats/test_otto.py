"""OTTO's lines: the quick way gives what the JSON parser gives, or leaves it to it."""

import json

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tronrec.data.events import PUBLISHED_TYPES, RefusedError, check_events
from tronrec.data.formats.otto import parse, parse_json

numbers = st.integers(0, 2_000_000) | st.integers(0, 2**63 - 1)
moments = st.integers(631_152_000_000, 4_102_444_799_999)
types = st.sampled_from(list(PUBLISHED_TYPES.categories))
Sessions = list[tuple[int, list[tuple[int, int, str]]]]
events = st.lists(st.tuples(numbers, moments, types), min_size=1, max_size=4)
sessions = st.tuples(numbers, events)

LINE = b'{"session":7,"events":[{"aid":5,"ts":1661200010000,"type":"carts"}]}\n'


def encode(log: Sessions) -> bytes:
    lines = []
    for session, clicks in log:
        fields = [
            {"aid": item, "ts": time, "type": kind} for item, time, kind in clicks
        ]
        record = {"session": session, "events": fields}
        lines.append(json.dumps(record, separators=(",", ":")) + "\n")
    return "".join(lines).encode()


def outcome(parse, lines: bytes) -> list[tuple] | None:
    try:
        return check_events(parse(lines)).rows()
    except (RefusedError, pl.exceptions.PolarsError, OSError):
        return None


@given(log=st.lists(sessions, min_size=1, max_size=6), has_end=st.booleans())
def test_lines_as_written_need_no_json_parser(log: Sessions, has_end: bool) -> None:
    lines = encode(log) if has_end else encode(log).removesuffix(b"\n")
    expected = [
        (session, item, time * 1_000_000, kind, line)
        for line, (session, clicks) in enumerate(log)
        for item, time, kind in clicks
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(pl, "read_ndjson")
        found = parse(lines)
    assert found.with_columns(pl.col("timestamp").to_physical()).rows() == expected
    assert_frame_equal(found, parse_json(lines))


@settings(max_examples=300)
@given(
    log=st.lists(sessions, min_size=1, max_size=3),
    place=st.floats(0, 1),
    cut=st.integers(0, 3),
    piece=st.text('0123456789-+.ekr,;:"{}[] \n\r', max_size=3),
)
@example([(1, [])], 0, 0, "")
@example([(2**63, [(1, 2, "clicks")])], 0, 0, "")
def test_other_lines_are_read_as_json_reads_them(
    log: Sessions, place: float, cut: int, piece: str
) -> None:
    lines = encode(log)
    begin = int(place * len(lines))
    lines = lines[:begin] + piece.encode() + lines[begin + cut :]
    assert outcome(parse, lines) == outcome(parse_json, lines)


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace(b"7", b"07"),
        LINE.replace(b"5", b"10000000000000000000000"),
        LINE.replace(b"7", b"9223372036854775808"),
        LINE.replace(b"aid", "a\u00efd".encode()),
        LINE.replace(b"carts", b"wishes"),
        b"\n" + LINE,
        LINE + b"\n",
    ],
)
def test_what_json_refuses_is_refused(line: bytes) -> None:
    assert outcome(parse, LINE + line) is None
