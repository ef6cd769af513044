"""From what visitors did to what the test tells: uplifts, and how sure they are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import polars as pl
from statsmodels.stats.multitest import multipletests

from tronrec.experiment import always_valid
from tronrec.experiment.attribution import column_of, counted_columns
from tronrec.experiment.cleaning import BEFORE, DAY
from tronrec.experiment.moments import Moments
from tronrec.experiment.ratios import Estimate, Ratio, compare, estimate
from tronrec.experiment.schemas import GROUP, VISITOR
from tronrec.experiment.totals import VisitorDays, moments_by_day
from tronrec.params.experiment import (
    IMPRESSIONS,
    VISITORS,
    ExperimentParams,
    MetricParams,
)

Record = dict[str, Any]


def measure(
    days: pl.DataFrame, account: Mapping[str, Any], params: ExperimentParams
) -> Record:
    """Return ratios, uplifts, intervals and p-values, at the end and day by day.

    Args:
        days: What each visitor did on each day (`tronrec.experiment.logs.read_logs`).
        account: What `read_logs` counted; the groups can be compared.
        params: What is measured.
    """
    looks = Looks.of(days, params)
    begin = datetime.fromisoformat(account["begin"])
    ratios, uplifts, by_day = [], [], []
    for name, metric in params.measured.items():
        for group in params.weights:
            place = {"metric": name, "group": group}
            ratios.append(place | looks.ratio(group, metric))
            if group == params.control:
                continue
            found = looks.compare(group, metric)
            uplifts.append(place | _uplift(found, looks.plain(group, metric), params))
            for number, own in enumerate(found):
                date = (begin + timedelta(days=number)).date().isoformat()
                by_day.append(place | {"date": date} | _intervals(own, params))
    _correct(uplifts)
    copied = "begin", "end", "visitors", "sample_ratio_p"
    return {
        "control": params.control,
        "level": params.level,
        "cuped": bool(looks.covariates),
        **{name: account[name] for name in copied},
        "days": len(looks.days),
        "ratios": ratios,
        "uplifts": uplifts,
        "by_day": by_day,
    }


@dataclass(frozen=True, eq=False)
class Looks:
    """What is known at the end of each day: the moments of the groups."""

    params: ExperimentParams
    days: list[dict[str, Moments | None]]
    columns: list[str]
    """What the totals are."""
    covariates: tuple[int, ...]
    """Which of them are of the time before."""

    @classmethod
    def of(cls, days: pl.DataFrame, params: ExperimentParams) -> Self:
        """Add up what visitors did."""
        groups = list(params.weights)
        columns = [IMPRESSIONS, *counted_columns(params.measured)]
        during = days.filter(pl.col(DAY) != BEFORE)
        visitors = during.select(VISITOR, GROUP).unique(VISITOR, maintain_order=True)
        numbers = visitors.select(VISITOR).with_row_index("number")
        known = columns if params.days_before else []
        past = days.filter(pl.col(DAY) == BEFORE)
        before = visitors.join(past, on=VISITOR, how="left", maintain_order="left")
        moments = moments_by_day(
            VisitorDays(
                during.join(numbers, on=VISITOR, maintain_order="left")[
                    "number"
                ].to_numpy(),
                during[DAY].to_numpy(),
                during.select(columns).to_numpy(),
                visitors[GROUP].cast(pl.Enum(groups)).to_physical().to_numpy(),
                before.select(pl.col(known).fill_null(0))
                .to_numpy()
                .reshape(len(visitors), len(known)),
            ),
            len(groups),
        )
        return cls(
            params,
            [dict(zip(groups, day, strict=True)) for day in moments],
            [VISITORS, *columns],
            tuple(range(1 + len(columns), 1 + len(columns) + len(known))),
        )

    def compare(self, group: str, metric: MetricParams) -> list[Estimate | None]:
        """Return how a group compares with the control at the end of each day."""
        return [self._compare(day, group, metric, self.covariates) for day in self.days]

    def plain(self, group: str, metric: MetricParams) -> Estimate | None:
        """Return the same for the last day, as if nothing from before were known."""
        return self._compare(self.days[-1], group, metric, ())

    def _compare(
        self,
        day: Mapping[str, Moments | None],
        group: str,
        metric: MetricParams,
        covariates: tuple[int, ...],
    ) -> Estimate | None:
        control, treated = day[self.params.control], day[group]
        if control is None or treated is None:
            return None
        return compare(control, treated, self.columns_of(metric), covariates)

    def ratio(self, group: str, metric: MetricParams) -> Record:
        """Return a group's ratio on the last day; what is not known is null."""
        moments, columns = self.days[-1][group], self.columns_of(metric)
        if moments is None:
            return dict.fromkeys(("numerator", "denominator", "ratio", "low", "high"))
        sums = moments.means * moments.visitors
        record = {
            "numerator": float(sums[columns.numerator].round(6)),
            "denominator": float(sums[columns.denominator].round(6)),
        }
        if (found := estimate(moments, columns)) is None:
            return record | dict.fromkeys(("ratio", "low", "high"))
        low, high = map(math.exp, found.interval(self.params.level))
        return record | {"ratio": found.value, "low": low, "high": high}

    def columns_of(self, metric: MetricParams) -> Ratio:
        """Return which totals a metric divides."""
        numerator = column_of(metric.numerator, metric.count)
        return Ratio(
            self.columns.index(numerator), self.columns.index(metric.denominator)
        )


def _uplift(
    looks: list[Estimate | None], plain: Estimate | None, params: ExperimentParams
) -> Record:
    """Return what all looks tell; without an estimate, all is null."""
    last = looks[-1]
    tried = [always_valid.p_value(own, params.expected_uplift) for own in looks if own]
    bounds = plain and plain.interval(params.level)
    return {
        **_intervals(last, params),
        "p": last and last.p_value(),
        "always_p": min(tried, default=None),
        "plain_uplift": plain and plain.uplift,
        "plain_low": bounds and math.expm1(bounds[0]),
        "plain_high": bounds and math.expm1(bounds[1]),
    }


def _intervals(found: Estimate | None, params: ExperimentParams) -> Record:
    """Return uplift, usual and always-valid interval."""
    names = "uplift", "low", "high", "always_low", "always_high"
    if found is None:
        return dict.fromkeys(names)
    logarithms = (
        found.log,
        *found.interval(params.level),
        *always_valid.interval(found, params.level, params.expected_uplift),
    )
    return dict(zip(names, map(math.expm1, logarithms), strict=True))


def _correct(uplifts: list[Record]) -> None:
    """Add p-values that are right for all comparisons together, by Holm's method."""
    for name in ("p", "always_p"):
        known = [row for row in uplifts if row[name] is not None]
        tried = [row[name] for row in known]
        values = multipletests(tried, method="holm")[1] if tried else []
        for row in uplifts:
            row[f"{name}_holm"] = None
        for row, value in zip(known, values, strict=True):
            row[f"{name}_holm"] = float(value)
