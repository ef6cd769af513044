"""How large a test has to be, told from a log in which only the control was shown."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tronrec.experiment.analysis import Looks
from tronrec.experiment.figures import title_of
from tronrec.experiment.logs import read_logs
from tronrec.experiment.sample_size import Aim, days_needed, visitors_needed
from tronrec.experiment.schemas import GROUP
from tronrec.params.experiment import ExperimentParams
from tronrec.reporting.tables import markdown_table

Record = dict[str, Any]


def plan(
    exposures: pl.LazyFrame, outcomes: pl.LazyFrame, params: ExperimentParams
) -> Record:
    """Return visitors and days that a test needs for each metric; null: nobody knows.

    The smallest of the groups decides. Lists of other groups are left out; those
    without a group are taken for the control's.

    Args:
        exposures: The lists that were shown; they need no group.
        outcomes: What came of them.
        params: The test that is planned; its period does not matter.
    """
    # Not validated: a test of one group is none, but a log is.
    alone = params.model_copy(
        update={
            "groups": {params.control: 1.0},
            "begin": None,
            "end": None,
            "days_before": 0,
        }
    )
    group = pl.lit(params.control)
    if GROUP in exposures.collect_schema():
        group = pl.col(GROUP).cast(pl.String).fill_null(params.control)
    days, _ = read_logs(exposures.with_columns(group.alias(GROUP)), outcomes, alone)
    looks = Looks.of(days, alone)
    log = [moments for day in looks.days if (moments := day[params.control])]
    aim = Aim(params.least_uplift, params.power, params.level)
    whole, control = sum(params.weights.values()), params.weights[params.control]
    quotient = min(params.weights.values()) / control
    found = []
    for name, metric in params.measured.items():
        ratio = looks.columns_of(metric)
        known = [moments for moments in log if ratio.is_known(moments)]
        if not known:
            empty = dict.fromkeys(("ratio", "visitors", "days"))
            found.append({"metric": name} | empty)
            continue
        needed = visitors_needed(ratio.relative_variance(known[-1]), aim, quotient)
        found.append(
            {
                "metric": name,
                "ratio": ratio.of(known[-1]),
                "visitors": round(needed * whole / control),
                "days": days_needed(known, ratio, aim, control / whole, quotient)
                + len(log)
                - len(known),
            }
        )
    return {
        "least_uplift": aim.uplift,
        "power": aim.power,
        "level": aim.level,
        "groups": len(params.weights),
        "days_of_log": len(log),
        "metrics": found,
    }


def plan_page(found: Mapping[str, Any], dataset: str) -> str:
    """Return the plan in Markdown."""
    rows = [[title_of(row["metric"]), *_cells(row)] for row in found["metrics"]]
    header = ["metric", "control's ratio", "visitors of all groups", "days"]
    return f"""# How large a test on {dataset} has to be

To find an uplift of {found["least_uplift"]:.1%} with a probability of \
{found["power"]:.0%} in a test of {found["groups"]} groups, at a level of \
{found["level"]:.0%} for one comparison. From a log of {found["days_of_log"]} days; \
more days than those are an estimate. Run whole weeks.

{markdown_table(header, rows)}"""


def _cells(row: Mapping[str, Any]) -> list[str]:
    if row["ratio"] is None:
        return ["no such event", "", ""]
    return [f"{row['ratio']:.5f}", f"{row['visitors']:,}", f"{row['days']:,}"]
