"""Moments of any form, against a slow look at each; what is none is null."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reference.raw import read_iso
from tronrec.data.events import EVENT_TIME
from tronrec.data.formats.times import (
    NANOSECONDS,
    Unit,
    parse_epoch,
    parse_epoch_text,
    parse_iso,
)

ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"]
zones = st.sampled_from(ZONES)
days = st.dates(date(1990, 1, 1), date(2099, 12, 31)) | st.sampled_from(
    [date(2019, 3, 31), date(2019, 10, 27), date(2018, 11, 4)]
)
clocks = st.times().map(lambda time: f"{time:%H:%M:%S}")
fractions = st.sampled_from(["", ".5", ".123", ",123456", ".123456789"])
given_zones = st.sampled_from(["", "Z", " UTC", "+02:00", "-0330", "+05", " +14:00"])


@st.composite
def moments(draw: st.DrawFn) -> str:
    text = f"{draw(days):%Y-%m-%d}"
    if draw(st.booleans()):
        text += draw(st.sampled_from("T ")) + draw(clocks) + draw(fractions)
        text += draw(given_zones)
    if draw(st.integers(0, 5)) == 0:
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(["", "9", ":", "x", " "]))
    return text


def to_utc(text: str, zone: str) -> datetime | None:
    try:
        moment = read_iso(text, ZoneInfo(zone))
    except ValueError:
        return None
    return moment if 1990 <= int(text[:4]) < 2100 else None


@settings(max_examples=300)
@given(texts=st.lists(moments(), max_size=6), zone=zones)
@example(["2018-11-04", "2018-11-04 00:30:00"], "America/Sao_Paulo")
@example(["2019-03-31 02:30:00", "2019-10-27 02:30:00"], "Europe/Berlin")
def test_texts_are_moments(texts: list[str], zone: str) -> None:
    expected = [to_utc(text, zone) for text in texts]
    times = parse_iso(pl.Series(texts, dtype=pl.String), zone)
    assert times.dtype == EVENT_TIME
    assert times.to_list() == expected
    alone = [parse_iso(pl.Series([text]), zone)[0] for text in texts]
    assert alone == expected


@given(days, clocks, fractions, given_zones, zones)
def test_alike_texts_take_the_quick_way(
    day: date, clock: str, fraction: str, given_zone: str, zone: str
) -> None:
    text = f"{day:%Y-%m-%d} {clock}{fraction}{given_zone}"
    expected = to_utc(text, zone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tronrec.data.formats.times._parse_each", None)
        assert parse_iso(pl.Series([text] * 3), zone).to_list() == [expected] * 3


@pytest.mark.parametrize("mixed", [False, True])
def test_no_digit_is_lost(mixed: bool) -> None:
    texts = ["2022-08-01T12:00:00.123456789+02:00", *(["no time"] if mixed else [])]
    times = parse_iso(pl.Series(texts))
    assert times.dt.nanosecond()[0] == 123_456_789


@pytest.mark.parametrize(
    "text",
    [
        *("", None, "22-08-01", "2022-08-01Z", "\u0662022-08-01", "1889-01-01"),
        *("9999-01-01", "2022-08-01T12:00", "2022-08-01T24:00:00"),
        *("2022-08-01T12:00:60", "2022-08-01T12:00:00.", "2022-08-01T12:00:00.\u0661"),
        "2022-08-01T12:00:00+24:00",
    ],
)
def test_what_is_no_moment_is_null(text: str | None) -> None:
    for texts in ([text], ["2022-08-01T12:00:00.5", text], [text, "2022-08-01"]):
        times = parse_iso(pl.Series(texts, dtype=pl.String))
        assert times[texts.index(text)] is None
        assert times.null_count() == 1


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
units = st.sampled_from(list(NANOSECONDS))


@given(units, st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2 * 10**9))
def test_counts_are_moments(unit: Unit, count: int) -> None:
    nanoseconds = count * NANOSECONDS[unit]
    inside = 631_152_000 <= nanoseconds // 10**9 < 4_102_444_800
    counts = pl.DataFrame({"count": [count]})
    time = counts.select(parse_epoch(pl.col("count"), unit)).item()
    text = parse_epoch_text(pl.Series([str(count)]), unit)
    expected = EPOCH + timedelta(microseconds=nanoseconds // 1000) if inside else None
    assert time == text[0] == expected


@pytest.mark.parametrize(
    ("text", "unit", "nanoseconds"),
    [
        ("1714564800.123456789", "s", 1714564800_123456789),
        ("1714564800.1234567891", "s", 1714564800_123456789),
        ("1714564800.5", "s", 1714564800_500000000),
        ("1714564800123.25", "ms", 1714564800_123250000),
        ("1714564800123456.789", "us", 1714564800_123456789),
        ("1714564800123456789.9", "ns", 1714564800_123456789),
        ("1714564800.", "s", None),
        (".5", "s", None),
        ("1.7e9", "s", None),
        ("-1714564800.5", "s", None),
        ("", "s", None),
        (None, "s", None),
    ],
)
def test_counts_may_have_a_fraction(
    text: str | None, unit: Unit, nanoseconds: int | None
) -> None:
    for others in ([], ["1714564800"], ["1714564800.25", "x"]):
        texts = pl.Series([text, *others], dtype=pl.String)
        assert parse_epoch_text(texts, unit).to_physical()[0] == nanoseconds
