"""Cleaning and attribution, against rules applied row by row."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.experiment import read_logs
from tronrec.errors import UserError
from tronrec.experiment import cleaning
from tronrec.experiment.attribution import read_outcomes
from tronrec.experiment.cleaning import find_period, read_exposures
from tronrec.experiment.schemas import EXPOSURES, OUTCOMES
from tronrec.params.experiment import ExperimentParams, MetricParams

BEGIN = datetime(2023, 5, 9, tzinfo=UTC)
END = BEGIN + timedelta(days=2)
PARAMS = ExperimentParams(
    groups={"a": 1, "b": 1},
    control="a",
    begin=BEGIN,
    end=END,
    days_before=1,
    attribution_hours=5,
    max_exposures_a_day=4,
    metrics={
        "clicks": MetricParams(numerator="click", denominator="impressions"),
        "units": MetricParams(numerator="order", count="quantity"),
        "orders_per_cart": MetricParams(numerator="order", denominator="cart"),
    },
)

visitors = st.sampled_from(["", "u", "v", "w", None])
moments = st.integers(-30 * 4, 52 * 4).map(
    lambda quarters: BEGIN + timedelta(minutes=15 * quarters)
)
items = st.sampled_from(["x", "y", "z"])
exposures = st.fixed_dictionaries(
    {
        "exposure_id": st.sampled_from([*map(str, range(40)), None]),
        "visitor_id": visitors,
        "timestamp": moments,
        "group": st.sampled_from(["a", "a", "a", "b", "?", None]),
        "items": st.lists(items, max_size=3),
    }
)
outcomes = st.fixed_dictionaries(
    {
        "outcome_id": st.sampled_from([*map(str, range(40)), None]),
        "visitor_id": visitors,
        "timestamp": moments,
        "kind": st.sampled_from(["click", "cart", "order", "look"]),
        "item_id": items,
        "quantity": st.integers(1, 3).map(float),
    }
)


def tables(
    shown: list[dict], followed: list[dict]
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    return (
        pl.LazyFrame(shown, EXPOSURES, orient="row"),
        pl.LazyFrame(followed, OUTCOMES, orient="row"),
    )


def analyse(shown: list[dict], followed: list[dict], params: ExperimentParams):
    """Return groups and days by the visitors' own ids, and both accounts."""
    exposures, outcomes = tables(shown, followed)
    period = find_period(exposures, params)
    read = read_exposures(exposures, params, period)
    done, account = read_outcomes(outcomes, exposures, read, params, period)
    ids = pl.DataFrame({"id": ["u", "v", "w"]})
    ids = ids.with_columns(pl.col("id").hash().alias("visitor_id"))
    groups = dict(read.visitors.join(ids, on="visitor_id").select("id", "group").rows())
    days: dict[tuple[str, int], dict[str, float]] = {}
    for table in (read.days, done):
        for row in table.join(ids, on="visitor_id").iter_rows(named=True):
            own = days.setdefault((row.pop("id"), row.pop("day")), {})
            del row["visitor_id"]
            own |= row
    return groups, days, read.account, account


def assert_same_days(found, expected) -> None:
    assert found.keys() == expected.keys()
    for place, done in found.items():
        for name, count in done.items():
            assert count == expected[place].get(name, 0)
        assert done.get("impressions", 0) == expected[place].get("impressions", 0)


@settings(max_examples=150)
@given(
    shown=st.lists(exposures, min_size=1, max_size=40),
    followed=st.lists(outcomes, max_size=30),
    attribution=st.sampled_from(["shown_items", "any_item"]),
)
def test_what_counts_is_what_the_rules_say(shown, followed, attribution) -> None:
    params = PARAMS.model_copy(update={"attribution": attribution})
    groups, days, *accounts = analyse(shown, followed, params)
    expected_groups, expected_days = read_logs(shown, followed, params, BEGIN, END)
    assert groups == expected_groups
    assert_same_days(days, expected_days)
    for account, rows in zip(accounts, (shown, followed), strict=True):
        assert account.pop("read") == len(rows)
        assert sum(account.values()) == len(rows)
        assert min(account.values()) >= 0


def test_a_list_that_was_sent_twice_was_shown_the_first_time() -> None:
    shown = [exposure("u", hour, exposure_id="0") for hour in (0, 4)]
    followed = [
        {
            "outcome_id": "0",
            "visitor_id": "u",
            "timestamp": BEGIN + timedelta(hours=hour),
            "kind": "click",
            "item_id": "x",
            "quantity": 1.0,
        }
        for hour in (4.5, 6)
    ]
    params = PARAMS.model_copy(update={"attribution": "any_item"})
    _, days, _, account = analyse(shown, followed[:1], params)
    assert days["u", 0]["click"] == 1
    _, _, _, account = analyse(shown, followed[1:], params)
    assert account["after no list"] == 1


def test_shares_of_visitors_change_nothing(monkeypatch) -> None:
    shown = [
        exposure(visitor, hour, group="ab"[place % 2])
        for place, visitor in enumerate("uvw")
        for hour in (1, 2, 30)
    ]
    whole = analyse(shown, [], PARAMS)
    monkeypatch.setattr(cleaning, "ROWS_AT_ONCE", 2)
    assert analyse(shown, [], PARAMS) == whole


def exposure(visitor, hour: float, **changes) -> dict:
    return {
        "exposure_id": f"{visitor}{hour}",
        "visitor_id": visitor,
        "timestamp": BEGIN + timedelta(hours=hour),
        "group": "a",
        "items": ["x"],
    } | changes


def test_ids_may_be_whole_numbers_on_one_side_and_text_on_the_other() -> None:
    shown, _ = tables([exposure("7", 1, items=["5"])], [])
    followed = pl.LazyFrame(
        {
            "outcome_id": [1],
            "visitor_id": [7],
            "timestamp": [BEGIN + timedelta(hours=2)],
            "kind": ["click"],
            "item_id": [5],
            "quantity": [None],
        },
        schema_overrides={"quantity": pl.Float64},
    )
    period = find_period(shown, PARAMS)
    read = read_exposures(shown, PARAMS, period)
    done, account = read_outcomes(followed, shown, read, PARAMS, period)
    assert account["counted"] == 1
    assert done["click"].to_list() == [1]


def test_without_a_period_it_is_that_of_the_log() -> None:
    shown, _ = tables([exposure("u", 1.5), exposure("u", 50)], [])
    period = find_period(shown, ExperimentParams())
    assert period.begin == BEGIN
    assert period.end == BEGIN + timedelta(hours=50, milliseconds=1)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [([], "the log is empty"), ([exposure("u", -40)], "before the test begins")],
)
def test_a_log_without_the_test_is_refused(shown, reason) -> None:
    table, _ = tables(shown, [])
    params = PARAMS.model_copy(update={"end": None})
    with pytest.raises(UserError, match=reason):
        find_period(table, params)
