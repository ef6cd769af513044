"""Moments as logs write them, to nanoseconds: no order is lost that a log has.

Nanoseconds in 64 bits wrap around in silence outside 1677 to 2262, so that everything
outside the allowed years is null before it is converted.
"""

from typing import Literal

import polars as pl

from tronrec.data.events import EARLIEST, EVENT_TIME, LATEST
from tronrec.schemas import TIME

Unit = Literal["s", "ms", "us", "ns"]

IN_A_SECOND: dict[Unit, int] = {"s": 1, "ms": 1000, "us": 1000**2, "ns": 1000**3}

_DAY = r"(?:199\d|20\d\d)-\d\d-\d\d"
ISO_DATE = rf"^{_DAY}$"
ISO_TIME = rf"^{_DAY}T\d\d:\d\d:[0-5]\d(\.\d{{1,9}})?Z$"
"""Polars alone would read a torn 2016-05-1 as well."""


def parse_iso(text: pl.Expr) -> pl.Expr:
    """Return the moment of a text such as 2022-08-01T12:00:00.000Z; null if invalid."""
    time = pl.when(text.str.contains(ISO_TIME)).then(
        text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ns", strict=False)
    )
    return time.dt.replace_time_zone("UTC").alias(TIME)


def parse_epoch(count: pl.Expr, unit: Unit) -> pl.Expr:
    """Return the moment so many units after 1970 began; null outside the years."""
    units = IN_A_SECOND[unit]
    first, last = (int(limit.timestamp()) * units for limit in (EARLIEST, LATEST))
    inside = pl.when(count.is_between(first, last, closed="left")).then(count)
    return (inside * (IN_A_SECOND["ns"] // units)).cast(EVENT_TIME).alias(TIME)
