"""Parameters of the data: how clicks are read, kept, and made up."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tronrec.params.strict import Params

UNITS = {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}
"""Nanoseconds of a unit of time."""


def _check_duration(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?[smhd]", text) or not Decimal(text[:-1]):
        raise ValueError(f"{text!r} is no time above 0, such as 30m, 90s, 1.5h or 1d")
    return text


Duration = Annotated[str, AfterValidator(_check_duration)]


class IngestionParams(Params):
    """How raw files are read."""

    on_bad_rows: Literal["fail", "quarantine"] = "fail"
    """A line that holds no event stops the run, or is kept aside and counted."""
    max_bad_rows: int = Field(1000, ge=0)
    """Lines kept aside, at most; one more stops the run."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Whether clicks of one session on one item at one moment stay, or all but one."""
    session_gap: Duration | None = None
    """Clicks of a session or visitor after such a pause, or a longer one, are a new
    session: 30m, 90s, 1.5h or 1d; null: sessions are as the log has them."""
    max_session_hours: float | None = Field(None, gt=0)
    """A session that would last so long is cut there; null: it may last any time."""
    clicks_at_once: int = Field(1 << 22, ge=1)
    """Clicks held in memory at a time, at about 250 bytes each; changes no result."""

    @property
    def gap_nanoseconds(self) -> int | None:
        """The pause that ends a session."""
        if self.session_gap is None:
            return None
        return round(Decimal(self.session_gap[:-1]) * UNITS[self.session_gap[-1]])


class FilteringParams(Params):
    """Which sessions and items are kept (paper, section 3)."""

    min_session_length: int = Field(2, ge=2)
    """Sessions with fewer clicks are dropped, before and after the items are."""
    min_item_support: int = Field(5, ge=1)
    """Items with fewer clicks are dropped."""


class SimulationParams(Params):
    """A made-up shop and its visitors (`tronrec.data.simulate`)."""

    sessions: int = Field(30_000, ge=2)
    """Sessions; with OTTO's lengths 16.8 clicks in the mean, about 500,000 in all."""
    median_length: float = Field(6.0, gt=0)
    """Clicks of a session in the median: OTTO's."""
    length_spread: float = Field(1.44, ge=0)
    """Deviation of the logarithm of a length: OTTO's, whose tail is long."""
    items: int = Field(5_000, ge=2)
    """Size of the catalogue."""
    categories: int = Field(50, ge=1)
    """Groups of items, each of five brands and four price levels."""
    days: int = Field(28, ge=2)
    """Length of the period in which sessions start."""
    test_days: int = Field(7, ge=1)
    """The last days of the period, which OTTO's test file covers."""
    substitutes: int = Field(5, ge=1)
    """Items of the same category and price that a visitor of an item looks at."""
    complements: int = Field(3, ge=1)
    """Items of the same brand and price, in another category, that go with an item."""
    substitute_share: float = Field(0.25, ge=0, le=1)
    """Share of clicks on a substitute of one of the last three clicks."""
    complement_share: float = Field(0.05, ge=0, le=1)
    """Share of clicks on a complement of one of the last three clicks."""
    repeat_share: float = Field(0.06, ge=0, le=1)
    """Share of clicks that go back to an earlier one; chance adds many more."""
    visit_share: float = Field(0.03, ge=0, le=1)
    """Share of clicks that come hours later, with a newly drawn interest."""
    loyalty: float = Field(0.75, ge=0, le=1)
    """Share of the other clicks that stay with the brand of the interest."""
    drift: float = Field(0.3, ge=0, le=1)
    """Part of the brands, and of a cell's items, through which popularity moves."""
    seed: int = Field(0, ge=0)
    """The same seed and parameters give the same clicks."""

    @model_validator(mode="after")
    def _parts_fit_into_the_whole(self) -> Self:
        if self.categories > self.items:
            raise ValueError(
                f"categories ({self.categories}) exceed items ({self.items}); "
                "lower categories"
            )
        if self.test_days >= self.days:
            raise ValueError(
                f"test_days ({self.test_days}) leave none of days ({self.days}) for "
                "training; lower test_days"
            )
        shares = self.substitute_share + self.complement_share + self.repeat_share
        if round(shares, 9) > 1:
            raise ValueError(
                f"substitute_share ({self.substitute_share}), complement_share "
                f"({self.complement_share}) and repeat_share ({self.repeat_share}) "
                "exceed 1 together; lower one"
            )
        return self
