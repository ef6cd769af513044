"""Which exposures count, which visitors are in the test, and what became of the rest.

Every row of the log is counted once: as one that counts, or under the first reason for
which it does not. Visitors are judged as a whole: one that is a bot, or was seen in two
groups, is left out with everything.

Ids become 64-bit hashes here, so that memory depends neither on their length nor on
their type; of ten million visitors, two are mixed up with a probability of 3e-6. The
visitors are read in a few shares, each in a pass over the log.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from tronrec.errors import UserError
from tronrec.experiment.schemas import EXPOSURE, GROUP, TIME, VISITOR
from tronrec.params.experiment import IMPRESSIONS, ExperimentParams

DAY = "day"
"""Days since the test began; -1 for all that was before."""
BEFORE = -1
ROWS_AT_ONCE = 10_000_000
"""Exposures held in memory, at about 100 bytes each."""

Account = dict[str, int]
"""`read` is the number of rows; the others add up to it: `counted`, and reasons."""

COUNTED, OF_BOTS = "counted", "of bots"
CHANGED = "of visitors who changed groups"
FATES = (COUNTED, OF_BOTS, CHANGED, "before the test only")
WITHOUT_GROUP = "without a known group"
REASON, FATE = "reason", "fate"

MISSING = {
    "without a visitor": pl.col(VISITOR).is_null(),
    "without a time": pl.col(TIME).is_null(),
}
"""Reasons for which a row of either log does not count."""


def first_reason(reasons: dict[str, pl.Expr]) -> pl.Expr:
    """Return the first reason that holds for a row; null if none does."""
    return pl.coalesce(
        pl.when(holds).then(pl.lit(reason)) for reason, holds in reasons.items()
    ).alias(REASON)


def split_doubles(rows: pl.DataFrame, number: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows with an id of their own, or none, and the first of all with one id.

    Together they are the rows without doubles.
    """
    doubled = rows[number].is_duplicated() & rows[number].is_not_null()
    first = rows.filter(doubled).sort(TIME).unique([VISITOR, number], keep="first")
    return rows.filter(~doubled), first


def count_reasons(judged: pl.DataFrame, reasons: dict[str, pl.Expr]) -> Account:
    """Return how many rows each reason holds for."""
    counts = judged.drop_nulls(REASON).group_by(REASON).len()
    return dict.fromkeys(reasons, 0) | dict(counts.iter_rows())


@dataclass(frozen=True)
class Period:
    """When the test ran; a moment counts from `begin` on and before `end`."""

    begin: datetime
    end: datetime
    days_before: int

    @property
    def earliest(self) -> datetime:
        """The moment from which on something counts, if only as a covariate."""
        return self.begin - timedelta(days=self.days_before)

    def day(self) -> pl.Expr:
        """Return the day of a time: `BEFORE` before the test, the last one after it."""
        since = (pl.col(TIME) - self.begin).dt.total_milliseconds()
        length = (self.end - self.begin) // timedelta(milliseconds=1)
        day = since.clip(upper_bound=length - 1) // 86_400_000
        return day.clip(lower_bound=BEFORE).cast(pl.Int32)


def find_period(exposures: pl.LazyFrame, params: ExperimentParams) -> Period:
    """Return the period that the parameters state, else the days of the log.

    Raises:
        UserError: There are no exposures.
    """
    first, last = (
        exposures.select(pl.col(TIME).min().alias("first"), last=pl.col(TIME).max())
        .collect(engine="streaming")
        .row(0)
    )
    if first is None:
        raise UserError("exposures: the log is empty; nothing was shown to anybody")
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = params.begin or midnight
    end = params.end or last + timedelta(milliseconds=1)
    if end <= begin:
        raise UserError(
            f"exposures end at {last}, before the test begins (experiment.begin: "
            f"{begin}); give the log of the test, or another begin"
        )
    return Period(begin, end, params.days_before)


def hashed(column: str) -> pl.Expr:
    """Return an id as a number; null where there is none, or an empty one."""
    text = pl.col(column).cast(pl.String)
    return pl.when(text != "").then(text.hash()).alias(column)


@dataclass(frozen=True, eq=False)
class Shown:
    """What the exposures tell."""

    visitors: pl.DataFrame
    """The visitors in the test: `VISITOR`, `GROUP`."""
    days: pl.DataFrame
    """Their lists: `VISITOR`, `DAY`, `IMPRESSIONS`."""
    doubled: pl.DataFrame
    """The ids that several rows have, and the time of the first of these, which is the
    one that counts: `VISITOR`, `EXPOSURE`, `TIME`."""
    account: Account


def read_exposures(
    exposures: pl.LazyFrame, params: ExperimentParams, period: Period
) -> Shown:
    """Return who was in the test and how many lists each saw on each day."""
    group = pl.col(GROUP).cast(pl.Enum(list(params.weights)), strict=False)
    light = exposures.select(hashed(VISITOR), hashed(EXPOSURE), TIME, group)
    rows = int(light.select(pl.len()).collect(engine="streaming").item())
    shares = max(1, round(rows / ROWS_AT_ONCE))
    parts = [
        _read_share(
            light.filter(pl.col(VISITOR).fill_null(0) % shares == share).collect(
                engine="streaming"
            ),
            params,
            period,
        )
        for share in range(shares)
    ]
    account: Account = {"read": rows}
    for part in parts:
        for reason, count in part.account.items():
            account[reason] = account.get(reason, 0) + count
    return Shown(
        pl.concat([part.visitors for part in parts]),
        pl.concat([part.days for part in parts]),
        pl.concat([part.doubled for part in parts]),
        account,
    )


def _read_share(rows: pl.DataFrame, params: ExperimentParams, period: Period) -> Shown:
    """Return the same for the exposures of some visitors, all of theirs."""
    single, first = split_doubles(rows, EXPOSURE)
    distinct = pl.concat([single, first])
    during = pl.col(TIME) >= period.begin
    reasons = {
        **MISSING,
        "too early": pl.col(TIME) < period.earliest,
        "too late": pl.col(TIME) >= period.end,
        WITHOUT_GROUP: during & pl.col(GROUP).is_null(),
    }
    judged = distinct.with_columns(first_reason(reasons))
    number = pl.col(GROUP).to_physical()
    days = (
        judged.lazy()
        .filter(pl.col(REASON).is_null())
        .group_by(VISITOR, period.day().alias(DAY))
        .agg(pl.len().alias(IMPRESSIONS), lowest=number.min(), highest=number.max())
        .collect(engine="streaming")
    )
    visitors = _judge_visitors(days, params)
    known = days.join(visitors, on=VISITOR, how="left")
    fates = known.with_columns(pl.col(FATE).fill_null("before the test only"))
    account = count_reasons(judged, reasons) | {
        "doubled": rows.height - distinct.height,
        **dict.fromkeys(FATES, 0),
        **dict(fates.group_by(FATE).agg(pl.col(IMPRESSIONS).sum()).iter_rows()),
    }
    return Shown(
        visitors.filter(pl.col(FATE) == COUNTED).select(VISITOR, GROUP),
        known.filter(pl.col(FATE) == COUNTED).select(VISITOR, DAY, IMPRESSIONS),
        first.select(VISITOR, EXPOSURE, TIME),
        account,
    )


def _judge_visitors(days: pl.DataFrame, params: ExperimentParams) -> pl.DataFrame:
    """Return each visitor of the test with the group, and whether it counts."""
    busiest = pl.col(IMPRESSIONS).max() > params.max_exposures_a_day
    changed = pl.col("lowest").min() != pl.col("highest").max()
    names = pl.Series(list(params.weights), dtype=pl.Enum(list(params.weights)))
    visitors = (
        days.filter(pl.col(DAY) != BEFORE)
        .group_by(VISITOR)
        .agg(
            pl.col("lowest").min().alias(GROUP),
            pl.when(busiest)
            .then(pl.lit(OF_BOTS))
            .when(changed)
            .then(pl.lit(CHANGED))
            .otherwise(pl.lit(COUNTED))
            .alias(FATE),
        )
    )
    return visitors.with_columns(names.gather(visitors[GROUP]).alias(GROUP))
