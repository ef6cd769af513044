"""The size of a test, told from the control's log and tried on tests of that size."""

import polars as pl
import pytest

from tronrec.experiment import simulate
from tronrec.experiment.analysis import measure
from tronrec.experiment.logs import read_logs
from tronrec.experiment.plan import plan, plan_page
from tronrec.experiment.schemas import GROUP
from tronrec.params.experiment import ExperimentParams
from tronrec.params.simulated_test import SimulatedTestParams

PARAMS = ExperimentParams(
    groups={"a": 1, "b": 1}, control="a", least_uplift=0.15, power=0.8
)
NOTHING = SimulatedTestParams(visitors=20_000, days=7, effects={"b": {}})


@pytest.fixture(scope="module")
def logs() -> tuple[pl.LazyFrame, pl.LazyFrame]:
    shown = simulate.scan_exposures(PARAMS, NOTHING).drop(GROUP)
    return shown, simulate.scan_outcomes(PARAMS, NOTHING)


@pytest.fixture(scope="module")
def found(logs):
    return plan(*logs, PARAMS)


def test_tests_of_the_planned_size_find_the_uplift_four_times_in_five(found):
    wanted = next(
        row["visitors"]
        for row in found["metrics"]
        if row["metric"] == "clicks_per_impression"
    )
    effect = {"b": {"click": 0.15}}
    hits = 0
    for seed in range(30):
        params = ExperimentParams(
            salt=f"trial {seed}", groups={"a": 1, "b": 1}, control="a"
        )
        simulated = SimulatedTestParams(
            visitors=wanted, days=7, effects=effect, seed=seed
        )
        tables = (
            simulate.scan_exposures(params, simulated),
            simulate.scan_outcomes(params, simulated),
        )
        results = measure(*read_logs(*tables, params), params)
        hits += results["uplifts"][0]["p"] < 0.05
    assert hits / 30 == pytest.approx(0.8, abs=0.2)


def test_a_rarer_event_and_a_smaller_uplift_need_more(found, logs):
    rows = {row["metric"]: row for row in found["metrics"]}
    assert (
        rows["clicks_per_impression"]["visitors"]
        < rows["add_to_carts"]["visitors"]
        < rows["units"]["visitors"]
    )
    assert rows["clicks_per_impression"]["days"] < rows["units"]["days"]
    smaller = plan(*logs, PARAMS.model_copy(update={"least_uplift": 0.075}))
    for row, own in zip(found["metrics"], smaller["metrics"], strict=True):
        assert own["visitors"] == pytest.approx(3.7 * row["visitors"], rel=0.05)


def test_the_smallest_group_decides(logs, found):
    unequal = PARAMS.model_copy(update={"groups": {"a": 8, "b": 1}})
    for row, own in zip(found["metrics"], plan(*logs, unequal)["metrics"], strict=True):
        # 1/n of the groups add up: (1 + 1) * 2 against (9/8 + 9)
        assert own["visitors"] == pytest.approx(10.125 / 4 * row["visitors"], rel=1e-3)


def test_lists_of_other_groups_are_left_out(logs, found):
    shown, followed = logs
    half = pl.col("visitor_id") % 2 == 0
    mixed = shown.with_columns(
        pl.when(half).then(pl.lit("b")).otherwise(None).alias(GROUP)
    )
    days = [row["days"] for row in found["metrics"]]
    later = [row["days"] for row in plan(mixed, followed, PARAMS)["metrics"]]
    assert all(b > a for a, b in zip(days, later, strict=True))


def test_events_that_never_happen_have_no_plan(logs):
    shown, followed = logs
    found = plan(shown, followed.filter(pl.col("kind") == "click"), PARAMS)
    assert [row["days"] is None for row in found["metrics"]] == [False, True, True]
    page = plan_page(found, "a shop")
    assert "| Units | no such event |  |  |" in page
    assert "an uplift of 15.0% with a probability of 80% in a test of 2 groups" in page
