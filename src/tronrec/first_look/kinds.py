"""What the values of a column may be: moments, ids, types of events."""

import re

import polars as pl

from tronrec.data.events import EARLIEST, LATEST, LONGEST_ID
from tronrec.data.formats.times import ISO_DATE, NANOSECONDS, parse_iso
from tronrec.params import TimeUnit

FIT = 0.95
"""Share of the rows that hold such a value where the column does."""

FEW = 50
"""Different values that a column of types has at most."""

NUMBER = r"^[1-9][0-9]*(\.[0-9]+)?$"
NO_ID = r"^[0-9]*\.[0-9]+$|\s"
"""Prices, marks and titles."""

CLICKS = "view views click clicks detail productview itemview pageview viewitem pv"
"""What types of events are called that are clicks, in small letters and digits."""


def plain(name: str) -> str:
    """Return the small letters and digits of a name."""
    return re.sub("[^a-z0-9]", "", name.lower())


def time_unit(values: pl.Series) -> TimeUnit | None:
    """Return how a column states moments: `iso`, or a unit since 1970; None: none.

    The units of one moment differ by a factor of 1,000, so that its size tells.
    """
    if isinstance(values.dtype, pl.Datetime | pl.Date):
        return "iso"
    text = values.cast(pl.String, strict=False).drop_nulls()
    if text.is_empty() or len(text) < FIT * len(values):
        return None
    if values.dtype == pl.String and _mostly(parse_iso(text).is_not_null()):
        return "iso"
    if not _mostly(text.str.contains(NUMBER)):
        return None
    count = text.cast(pl.Float64, strict=False)
    first, last = EARLIEST.timestamp(), LATEST.timestamp()
    return next(
        (
            unit
            for unit, scale in NANOSECONDS.items()
            if _mostly((count * (scale / 10**9)).is_between(first, last))
        ),
        None,
    )


def seconds(values: pl.Series) -> pl.Series:
    """Return the moments of a column of times, in seconds since 1970, about."""
    unit = time_unit(values)
    if isinstance(values.dtype, pl.Datetime | pl.Date):
        return values.cast(pl.Datetime("us")).dt.epoch("s")
    if unit == "iso":
        return parse_iso(values).dt.epoch("s")
    nanoseconds = NANOSECONDS[unit or "s"]
    return values.cast(pl.Float64, strict=False) * (nanoseconds / 10**9)


def has_days_only(values: pl.Series) -> bool:
    """Return whether the times of a column have no clock."""
    if values.dtype == pl.String:
        return _mostly(values.str.contains(ISO_DATE))
    return values.dtype == pl.Date


def lacks_zone(values: pl.Series) -> bool:
    """Return whether times are given by a clock that may stand anywhere."""
    if isinstance(values.dtype, pl.Datetime):
        return values.dtype.time_zone is None
    if time_unit(values) != "iso" or has_days_only(values):
        return False
    return not _mostly(values.str.contains("(Z|UTC|[+-][0-9:]{2,6})$"))


def holds_types(values: pl.Series) -> bool:
    """Return whether a column may hold types of events."""
    return 0 < values.n_unique() <= FEW and not values.dtype.is_float()


def holds_ids(values: pl.Series) -> bool:
    """Return whether a column may hold ids: neither times nor prices nor titles."""
    if values.n_unique() < 2:  # noqa: PLR2004
        return False
    if values.dtype.is_integer():
        return True
    if values.dtype != pl.String or time_unit(values) == "iso":
        return False
    fits = values.str.len_bytes().is_between(1, LONGEST_ID)
    return _mostly(fits & ~values.str.contains(NO_ID))


def id_type(values: pl.Series, *, of_csv: bool) -> str:
    """Return how ids are read: as text wherever a whole number would lose something.

    In JSON and Parquet, text that looks like a number is text.
    """
    if values.dtype.is_integer():
        return "integer"
    if not of_csv:
        return "text"
    text = values.drop_nulls()
    is_number = text.str.contains("^(0|-?[1-9][0-9]*)$")
    fits = is_number & text.cast(pl.Int64, strict=False).is_not_null()
    return "integer" if fits.all() else "text"


def click_types(values: pl.Series) -> list[str]:
    """Return the types of events that are clicks: by name, or the most frequent one."""
    names = count_values(values)
    return [name for name in names if is_click(name)] or [*names][:1]


def is_click(name: str | None) -> bool:
    """Return whether a type of events is called as clicks often are."""
    return name is not None and plain(name) in CLICKS.split()


def count_values(values: pl.Series) -> dict[str, int]:
    """Return how often each value is there, the most frequent first."""
    counts = values.cast(pl.String).drop_nulls().value_counts(sort=True, name="rows")
    return dict(counts.sort("rows", descending=True, maintain_order=True).iter_rows())


def _mostly(is_true: pl.Series) -> bool:
    return int(is_true.fill_null(False).sum()) >= FIT * len(is_true)
