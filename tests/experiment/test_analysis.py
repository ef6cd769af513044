"""From logs to the report: planned uplifts come out, unsound tests are refused."""

import json
from datetime import timedelta

import polars as pl
import pytest

from tronrec.errors import UserError
from tronrec.experiment import figures, report, simulate
from tronrec.experiment.analysis import measure
from tronrec.experiment.logs import read_logs, require_sound
from tronrec.experiment.schemas import GROUP, TIME, VISITOR
from tronrec.params.experiment import ExperimentParams
from tronrec.params.simulated_test import SimulatedTestParams

SIMULATED = SimulatedTestParams(visitors=60_000, days_before=4, click_share=0.2)
PARAMS = ExperimentParams(begin=SIMULATED.begin, days_before=4)


@pytest.fixture(scope="module")
def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    return (
        simulate.scan_exposures(PARAMS, SIMULATED).collect(),
        simulate.scan_outcomes(PARAMS, SIMULATED).collect(),
    )


@pytest.fixture(scope="module")
def read(tables):
    return read_logs(*(table.lazy() for table in tables), PARAMS)


@pytest.fixture(scope="module")
def results(read):
    days, account = read
    require_sound(account, PARAMS)
    return measure(days, account, PARAMS)


def uplift_of(results, metric: str, group: str) -> dict:
    return next(
        row
        for row in results["uplifts"]
        if (row["metric"], row["group"]) == (metric, group)
    )


def test_the_always_valid_intervals_hold_the_planned_uplifts(results):
    """Each misses with 5 % at most over all days; the seed is fixed."""
    truth = simulate.truth(PARAMS, SIMULATED)["uplifts"]
    assert len(results["uplifts"]) == 6
    for row in results["uplifts"]:
        expected = truth[row["group"]][row["metric"]]
        assert row["always_low"] < row["low"] < row["uplift"]
        assert row["uplift"] < row["high"] < row["always_high"]
        assert row["always_low"] < expected < row["always_high"]


def test_the_ratios_are_those_of_the_raw_tables(tables, results):
    shown, followed = (table.filter(pl.col(TIME) >= PARAMS.begin) for table in tables)
    groups = shown.select(VISITOR, GROUP).unique()
    clicks = followed.filter(pl.col("kind") == "click").join(groups, on=VISITOR)
    for row in results["ratios"]:
        own = pl.col(GROUP) == row["group"]
        if row["metric"] == "clicks_per_impression":
            # a few clicks follow a list that was shown just before the test
            assert row["numerator"] == pytest.approx(clicks.filter(own).height, abs=5)
            assert row["denominator"] == shown.filter(own).height
        else:
            assert row["denominator"] == results["visitors"][row["group"]]
        assert row["low"] < row["ratio"] < row["high"]
        assert row["ratio"] == pytest.approx(row["numerator"] / row["denominator"])


def test_what_was_before_makes_intervals_narrower(results):
    row = uplift_of(results, "clicks_per_impression", "tron_xl")
    assert results["cuped"]
    assert row["high"] - row["low"] < row["plain_high"] - row["plain_low"]
    assert row["plain_low"] < row["uplift"] < row["plain_high"]


def test_days_lead_to_the_end(results):
    row = uplift_of(results, "units", "tron_xl")
    days = [
        own
        for own in results["by_day"]
        if (own["metric"], own["group"]) == ("units", "tron_xl")
    ]
    assert [own["date"] for own in days][::8] == ["2023-05-09", "2023-05-17"]
    assert days[-1].items() >= {"uplift": row["uplift"], "low": row["low"]}.items()
    widths = [own["high"] - own["low"] for own in days]
    assert widths[0] > 2 * widths[-1]


def test_the_report_is_plain_data_and_says_what_was_found(read, results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    truth = simulate.truth(PARAMS, SIMULATED)
    page = report.page(results, read[1], truth, "a shop")
    assert "the test shows: TRON XL-Negs, clicks per impression +" in page
    assert "Not decided" in page
    assert f"| counted | {read[1]['exposures']['counted']:,} |" in page
    table = report.uplift_table(results, truth)
    assert table["truth"].null_count() == 0
    assert report.uplift_table(results, {})["truth"].null_count() == 6


def test_figures_show_every_uplift(results):
    truth = simulate.truth(PARAMS, SIMULATED)
    figure = figures.uplift_figure(results, truth, "a shop")
    named = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert named == [
        "SASRec SSM",
        "Truth (planned, TRON XL's as in the paper)",
        "TRON XL-Negs",
    ]
    row = uplift_of(results, "add_to_carts", "tron_xl")
    trace = next(own for own in figure.data if own.name == "TRON XL-Negs")
    assert trace.y[1] == row["uplift"]
    assert trace.y[1] + trace.error_y.array[1] == pytest.approx(row["high"])
    assert len(figures.uplift_figure(results, {}, "a shop").data) == 4
    daily = figures.daily_figure(results, "a shop")
    assert len(daily.data) == 3 * 2 * 3


def test_a_group_without_events_has_no_uplift(tables):
    shown, followed = tables
    nobody = followed.filter(pl.col("kind") != "order")
    days, account = read_logs(shown.lazy(), nobody.lazy(), PARAMS)
    results = measure(days, account, PARAMS)
    assert uplift_of(results, "units", "tron_xl")["uplift"] is None
    assert uplift_of(results, "units", "tron_xl")["p_holm"] is None
    json.dumps(results, allow_nan=False)
    page = report.page(results, account, {}, "a shop")
    assert "Without any such event in a group: SASRec SSM, units" in page
    figure = figures.uplift_figure(results, {}, "a shop")
    assert all(len(trace.y) == 2 for trace in figure.data)


def test_nothing_significant_is_said_plainly(results):
    rows = [row | {"p_holm": 1.0, "always_p_holm": 1.0} for row in results["uplifts"]]
    text = report.conclusion(results | {"uplifts": rows})
    assert text.startswith("The test shows no difference from SASRec. Not decided")


def account_of(read, **changes):
    account = json.loads(json.dumps(read[1]))
    for name, value in changes.items():
        target = account if name in account else account["exposures"]
        target[name.replace("_", " ") if target is not account else name] = value
    return account


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"without_a_known_group": 9000}, "exposures are without a known group"),
        ({"of_visitors_who_changed_groups": 9000}, "at most 1.00% may be"),
        (
            {"sample_ratio_p": 1e-5},
            r"instead of .* visitors \(p = 1.0e-05, below experiment",
        ),
        (
            {"visitors": {"sasrec": 9, "sasrec_ssm": 9, "tron_xl": 1}},
            "group tron_xl has 1 visitors",
        ),
    ],
)
def test_a_test_that_tells_nothing_is_refused(read, changes, reason):
    with pytest.raises(UserError, match=reason):
        require_sound(account_of(read, **changes), PARAMS)


def test_lost_visitors_are_noticed(tables):
    shown, followed = tables
    lost = (pl.col(VISITOR) % 20 == 0) & (pl.col(GROUP) == "tron_xl")
    params = PARAMS.model_copy(update={"days_before": 0})
    _, account = read_logs(
        shown.filter(~lost.fill_null(value=False)).lazy(), followed.lazy(), params
    )
    assert account["sample_ratio_p"] < 1e-4
    assert account["exposures"]["too early"] > 0
    with pytest.raises(UserError, match="tron_xl 19,028 instead of 19,664"):
        require_sound(account, params)


def test_a_shift_of_the_clock_changes_days_only(tables, results):
    """The same log a year later, in another time zone."""
    later = timedelta(days=365)
    shown, followed = (
        table.with_columns((pl.col(TIME) + later).dt.convert_time_zone("Asia/Tokyo"))
        for table in tables
    )
    params = PARAMS.model_copy(update={"begin": PARAMS.begin + later})
    moved = measure(*read_logs(shown.lazy(), followed.lazy(), params), params)
    assert moved["uplifts"] == results["uplifts"]
