"""Moments as logs write them, to nanoseconds: no order is lost that a log has.

Nanoseconds in 64 bits wrap around in silence outside 1677 to 2262, so that everything
outside the allowed years is null before it is converted.
"""

import re
from typing import Literal

import polars as pl

from tronrec.data.events import EARLIEST, EVENT_TIME, LATEST
from tronrec.schemas import TIME

Unit = Literal["s", "ms", "us", "ns"]

NANOSECONDS: dict[Unit, int] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}

_DAY = "(?:199[0-9]|20[0-9]{2})-[0-9]{2}-[0-9]{2}"
_CLOCK = "[0-9]{2}:[0-9]{2}:[0-5][0-9]"
_OFFSET = "[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?"
_FRACTION = "[.,]([0-9]{1,9})"
ISO_DATE = f"^{_DAY}$"
ISO = f"^({_DAY})(?:[T ]({_CLOCK})(?:{_FRACTION})?(?: ?(Z|UTC|{_OFFSET}))?)?$"
"""Day, and if it is given clock, fraction of a second, zone. Polars alone would read a
torn 2016-05-1 as well."""


def parse_iso(text: pl.Series, time_zone: str = "UTC") -> pl.Series:
    """Return the moments of texts such as 2022-08-01T12:00:00.000Z; null if invalid.

    Args:
        text: Day, `T` or a space, clock, fraction, zone (`Z`, ` UTC`, `+02:00`). A day
            alone is its first moment.
        time_zone: Where clocks without a zone stood. Of two moments that a clock showed
            twice, when summer time ended, the first is meant. What it never showed,
            when summer time began, is invalid.
    """
    times = _parse_alike(text, time_zone)
    return (_parse_each(text, time_zone) if times is None else times).alias(TIME)


def _parse_alike(text: pl.Series, time_zone: str) -> pl.Series | None:
    """Return the moments, quickly, if all texts have the form of the first."""
    first = re.fullmatch(ISO, text[0] or "") if len(text) else None
    if first is None or first[2] is None:
        return None
    mark, digits = first[0][10], len(first[3] or "")
    behind = re.escape(first[0][19 + bool(digits) + digits :])
    fraction = f"[.,][0-9]{{{digits}}}" if digits else ""
    alike = text.str.contains(f"^{_DAY}{mark}{_CLOCK}{fraction}{behind}$")
    if not alike.fill_null(False).all():
        return None
    clock = text.str.slice(0, 19)
    times = clock.str.to_datetime(
        f"%Y-%m-%d{mark}%H:%M:%S", time_unit="ns", strict=False
    )
    if digits:
        count = text.str.slice(20, digits).cast(pl.Int64) * 10 ** (9 - digits)
        times = times + count.cast(pl.Duration("ns"))
    zone = pl.Series([first[4]], dtype=pl.String)
    return _to_utc(times, zone, time_zone)


def _parse_each(text: pl.Series, time_zone: str) -> pl.Series:
    parts = text.str.extract_groups(ISO).struct.unnest()
    day, clock, fraction, zone = (parts[name] for name in parts.columns)
    whole = day + "T" + clock.fill_null("00:00:00")
    times = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ns", strict=False)
    count = fraction.fill_null("").str.pad_end(9, "0").cast(pl.Int64)
    moments = _to_utc(times + count.cast(pl.Duration("ns")), zone, time_zone)
    if not clock.null_count():
        return moments
    # Where summer time begins at midnight, the first moment of the day is an hour late.
    later = _to_utc(times.dt.offset_by("1h"), zone, time_zone)
    frame = pl.DataFrame({"at": moments, "later": later, "clock": clock})
    late = pl.when(pl.col("clock").is_null()).then("later")
    return frame.select(pl.coalesce("at", late)).to_series()


def _to_utc(times: pl.Series, zone: pl.Series, time_zone: str) -> pl.Series:
    """Return clocks as moments; `zone` is that of each, or one for all."""
    local = times.dt.replace_time_zone(
        time_zone, ambiguous="earliest", non_existent="null"
    ).dt.convert_time_zone("UTC")
    if zone.null_count() == len(zone):
        return local
    given = times.dt.replace_time_zone("UTC") - _offset(zone)
    if len(zone) == 1 or not zone.null_count():
        return given
    return given.zip_with(zone.is_not_null(), local)


def _offset(zone: pl.Series) -> pl.Series:
    """Return how far clocks of a zone were before UTC."""
    digits = zone.str.replace_all("[^0-9]", "").str.pad_end(4, "0").cast(pl.Int64)
    minutes = digits // 100 * 60 + digits % 100
    sign = pl.Series([1, -1]).gather(
        zone.str.starts_with("-").fill_null(False).cast(pl.UInt32)
    )
    return (minutes * sign * 60 * 10**9).cast(pl.Duration("ns"))


def parse_epoch(count: pl.Expr, unit: Unit) -> pl.Expr:
    """Return the moment so many units after 1970 began; null outside the years."""
    scale = NANOSECONDS[unit]
    first, last = (
        int(limit.timestamp()) * NANOSECONDS["s"] // scale
        for limit in (EARLIEST, LATEST)
    )
    inside = pl.when(count.is_between(first, last, closed="left")).then(count)
    return (inside * scale).cast(EVENT_TIME).alias(TIME)


def parse_epoch_text(text: pl.Series, unit: Unit) -> pl.Series:
    """Return the same for numbers as text, which may have a fraction."""
    whole = text.cast(pl.Int64, strict=False)
    if whole.null_count() == text.null_count():
        return whole.to_frame().select(parse_epoch(pl.first(), unit)).to_series()
    parts = text.str.extract_groups(r"^([0-9]+)(?:\.([0-9]{1,18}))?$").struct.unnest()
    whole, fraction = (parts[name] for name in parts.columns)
    billionths = fraction.fill_null("").str.pad_end(9, "0").str.slice(0, 9)
    rest = billionths.cast(pl.Int64) * NANOSECONDS[unit] // 10**9
    counts = whole.cast(pl.Int64, strict=False).to_frame()
    times = counts.select(parse_epoch(pl.first(), unit)).to_series()
    return (times + rest.cast(pl.Duration("ns"))).alias(TIME)
