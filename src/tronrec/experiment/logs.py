"""From the two logs to what each visitor did, and whether that can be compared."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tronrec.errors import UserError
from tronrec.experiment import sample_ratio
from tronrec.experiment.attribution import counted_columns, read_outcomes
from tronrec.experiment.cleaning import (
    CHANGED,
    DAY,
    WITHOUT_GROUP,
    find_period,
    read_exposures,
)
from tronrec.experiment.schemas import GROUP, VISITOR
from tronrec.experiment.tables import conform_exposures, conform_outcomes
from tronrec.params.experiment import IMPRESSIONS, ExperimentParams

Record = dict[str, Any]


def read_logs(
    exposures: pl.LazyFrame, outcomes: pl.LazyFrame, params: ExperimentParams
) -> tuple[pl.DataFrame, Record]:
    """Return what each visitor in the test did on each day, and an account of all rows.

    Raises:
        UserError: A table lacks a column, or holds nothing of the test.
    """
    with_items = params.attribution == "shown_items"
    exposures = conform_exposures(exposures, with_items=with_items)
    period = find_period(exposures, params)
    shown = read_exposures(exposures, params, period)
    done, account = read_outcomes(
        conform_outcomes(outcomes), exposures, shown, params, period
    )
    columns = [IMPRESSIONS, *counted_columns(params.measured)]
    days = (
        pl.concat([shown.days, done], how="diagonal_relaxed")
        .group_by(VISITOR, DAY)
        .agg(pl.col(column).sum().cast(pl.Float64) for column in columns)
        .join(shown.visitors, on=VISITOR)
        .select(VISITOR, GROUP, DAY, *columns)
        .sort(DAY, VISITOR)
    )
    counts = dict(shown.visitors.group_by(pl.col(GROUP).cast(pl.String)).len().rows())
    visitors = {group: counts.get(group, 0) for group in params.weights}
    return days, {
        "begin": period.begin.isoformat(),
        "end": period.end.isoformat(),
        "visitors": visitors,
        "sample_ratio_p": sample_ratio.p_value(visitors, params.weights),
        "exposures": shown.account,
        "outcomes": account,
    }


def require_sound(account: Mapping[str, Any], params: ExperimentParams) -> None:
    """Refuse a test whose groups cannot be compared.

    Raises:
        UserError: Too many rows are lost, or the groups are not as large as they should
            be; the message has the numbers.
    """
    shown = account["exposures"]
    for reason in (WITHOUT_GROUP, CHANGED):
        share = shown[reason] / shown["read"]
        if share > params.max_lost:
            raise UserError(
                f"{shown[reason]:,} of {shown['read']:,} exposures are {reason}, "
                f"{share:.2%}; at most {params.max_lost:.2%} may be "
                "(experiment.max_lost). What the rest says of the groups may be wrong: "
                "look for the cause in the service and its log"
            )
    for group, number in account["visitors"].items():
        if number <= 1:
            raise UserError(
                f"group {group} has {number} visitors, and two are the least that can "
                "be compared; is this the name that the log has for it "
                "(experiment.groups), and is the period right (experiment.begin, end)?"
            )
    p_value = account["sample_ratio_p"]
    if p_value < params.sample_ratio_alarm:
        whole = sum(params.weights.values())
        total = sum(account["visitors"].values())
        expected = {group: total * w / whole for group, w in params.weights.items()}
        sizes = ", ".join(
            f"{group} {number:,} instead of {expected[group]:,.0f}"
            for group, number in account["visitors"].items()
        )
        raise UserError(
            f"the groups are not as large as their weights say: {sizes} visitors (p = "
            f"{p_value:.1e}, below experiment.sample_ratio_alarm, "
            f"{params.sample_ratio_alarm}). Something lost visitors, and not by lot, "
            "so no difference between the groups can be read off: look for the cause "
            "in the assignment, the pages and the logs"
        )
