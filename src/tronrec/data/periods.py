"""Whether a period is worth measuring on: how much it has, beside the days around it.

A log often ends in days with a handful of clicks: a clock that was wrong, an export
that was cut. A model measured on these alone is measured on chance.
"""

import logging
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from math import ceil
from typing import Any

import polars as pl

from tronrec.data.borders import Border
from tronrec.errors import UserError
from tronrec.schemas import CLICKS_OF_DAY, DAY

logger = logging.getLogger(__name__)

FEW = 1_000
"""Predictions below which there is a warning: the 95 % interval of a Recall@20 of 0.5
is then wider than 0.06, more than most changes to a model are worth."""

QUIET = 0.1
"""Share of the usual clicks below which a day, or a period, is no usual one."""

LARGEST_SHARE = 0.5
"""Of the days or sessions: advice does not ask for a longer period."""

NEAR = 3
"""Days before and after a border whose clicks a warning states."""

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """What a period has once it is divided off."""

    border: Border
    sessions: int
    clicks: int
    """On items known before, in sessions that are long enough."""
    all_clicks: int
    """Before any was dropped."""

    @property
    def predictions(self) -> int:
        """Every click of a session from the second on is predicted."""
        return self.clicks - self.sessions


class Days:
    """The clicks of each day, and what is usual among them."""

    def __init__(self, by_day: pl.DataFrame) -> None:
        """Take the days that have clicks, in their order."""
        self.clicks: dict[date, int] = dict(by_day.select(DAY, CLICKS_OF_DAY).rows())
        self.usual = _usual([*self.clicks.values()])

    @property
    def last_usual(self) -> date:
        """The last day that is not quiet."""
        return max(d for d, n in self.clicks.items() if n >= QUIET * self.usual)

    def around(self, *days: date) -> str:
        """Return the clicks of the days around some, in words."""
        near = {day + ONE_DAY * n for day in days for n in range(-NEAR, NEAR + 1)}
        first, last = min(self.clicks), max(self.clicks)
        shown = sorted(day for day in near if first <= day <= last)
        return ", ".join(f"{day}: {self.clicks.get(day, 0):,}" for day in shown)


def _usual(counts: list[int]) -> int:
    """Return the number of which half of all clicks are on days with as many or more.

    It stays what it is, however many days have a few stray clicks.
    """
    counts.sort(reverse=True)
    place = bisect_left([*accumulate(counts)], sum(counts) / 2)
    return counts[place]


def judge_period(period: Period, days: Days) -> dict[str, Any]:
    """Return the record of a period, and in it what there is to warn of."""
    border, least = period.border, period.border.params.min_predictions
    is_small = period.predictions < least
    flaws = [*_flaws(period, days, least if is_small else FEW)]
    warning = _explain(period, days, flaws) if flaws else None
    if is_small:
        warning = f"{warning} Or lower splitting.min_predictions ({least:,})."
    return {
        "begins": border.begin and border.begin.isoformat(),
        "sessions": period.sessions,
        "clicks": period.clicks,
        "predictions": period.predictions,
        "usual_clicks_of_a_day": days.usual,
        "is_too_small": is_small,
        "warning": warning,
    }


def warn_of(record: dict[str, Any]) -> None:
    """Write the warning of a period's record to the log, if there are both."""
    if record.get("warning"):
        logger.warning(record["warning"])


def refuse_small(record: dict[str, Any]) -> None:
    """Warn of a period, and refuse one that nothing can be measured on.

    Raises:
        UserError: It has fewer than `min_predictions`.
    """
    if record.get("is_too_small"):
        raise UserError(record["warning"])
    warn_of(record)


def cut_off(border: Border, days: Days) -> str | None:
    """Return what to set where a log ends in days with hardly any clicks."""
    if border.span is None or border.span.newest.date() <= days.last_usual:
        return None
    return (
        f"Set splitting.until to {days.last_usual + ONE_DAY}: from that day on there "
        "is less than a tenth of the usual clicks"
    )


def _advise(border: Border, days: Days, predictions: int) -> str:
    """Return what to change so that there is enough to measure on.

    Args:
        border: Where the period begins.
        days: The clicks of each day.
        predictions: What the period has now.
    """
    if border.span is None:
        return "Set splitting.by to time"
    if ended := cut_off(border, days):
        return ended
    if predictions >= FEW:
        return f"Raise {border.length}, so that usual days are in it"
    if wanted := _longer(border, predictions):
        return f"Raise {border.length} to {wanted:g} or more"
    return "Take more clicks: a longer period would leave too little to train on"


def _longer(border: Border, predictions: int) -> float | None:
    """Return the length that should have enough predictions, if the log is so long."""
    length, span = border.length, border.span
    if span is None or not predictions:
        return None
    wanted = length.value * FEW / predictions
    if length.is_share:
        wanted, largest = ceil(wanted * 100) / 100, LARGEST_SHARE
    else:
        wanted = ceil(wanted)
        largest = LARGEST_SHARE * ((span.newest - span.oldest) / ONE_DAY)
    return wanted if length.value < wanted <= largest else None


def _flaws(period: Period, days: Days, limit: int) -> Iterator[str]:
    """Yield what keeps a period from being worth measuring on."""
    if period.predictions < limit:
        yield (
            f"{period.predictions:,} events to predict, fewer than {limit:,} "
            f"({period.clicks:,} clicks of {period.sessions:,} sessions)"
        )
    begin, span = period.border.begin, period.border.span
    if begin is None or span is None or span.newest <= begin:
        return
    a_day = period.all_clicks / ((span.newest - begin) / ONE_DAY)
    if a_day < QUIET * days.usual:
        yield f"{a_day:,.0f} clicks a day, where {days.usual:,} are usual"


def _explain(period: Period, days: Days, flaws: list[str]) -> str:
    """Return the flaws of a period, the days around it, and what to do, in words."""
    border, found = period.border, " and ".join(flaws)
    advice = _advise(border, days, period.predictions)
    if border.begin is None:
        return f"The test period, {border.place}, has {found}. {advice}."
    return (
        f"The {border.part} period, from {border.place} on, has {found}. Clicks of the "
        f"days: {days.around(border.begin.date(), days.last_usual)}; usual: "
        f"{days.usual:,}. {advice}."
    )
