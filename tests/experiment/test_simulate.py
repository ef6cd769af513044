"""The made-up test: its tables fit together, and its uplifts are those planned."""

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tronrec.experiment import simulate
from tronrec.experiment.assignment import Assignment
from tronrec.experiment.schemas import (
    EXPOSURE,
    EXPOSURES,
    GROUP,
    ITEM,
    ITEMS,
    KIND,
    OUTCOME,
    OUTCOMES,
    QUANTITY,
    TIME,
    VISITOR,
)
from tronrec.params.experiment import ExperimentParams, MetricParams
from tronrec.params.simulated_test import SimulatedTestParams

EXPERIMENT = ExperimentParams(groups={"a": 2, "b": 1}, control="a")
PARAMS = SimulatedTestParams(
    visitors=simulate.BLOCK + 1000,
    days_before=3,
    effects={"b": {"click": 0.5, "cart": 0.2, "order": 0.8}},
)


@pytest.fixture(scope="module")
def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    shown = simulate.scan_exposures(EXPERIMENT, PARAMS).collect()
    return shown, simulate.scan_outcomes(EXPERIMENT, PARAMS).collect()


def test_tables_have_the_columns_of_a_log(tables):
    for table, schema in zip(tables, (EXPOSURES, OUTCOMES), strict=True):
        assert table.columns == schema.names()
        assert table[TIME].dtype == schema[TIME]


def test_ids_are_unique_and_lists_without_doubles(tables):
    shown, followed = tables
    assert shown[EXPOSURE].is_unique().all()
    assert followed[OUTCOME].is_unique().all()
    assert (shown[ITEMS].list.n_unique() == PARAMS.list_length).all()


def test_groups_are_those_of_the_assignment_once_the_test_has_begun(tables):
    shown, _ = tables
    assignment = Assignment(EXPERIMENT.salt, EXPERIMENT.weights)
    expected = assignment.groups_of(pl.col(VISITOR)).cast(pl.String)
    before = pl.col(TIME) < PARAMS.begin
    assert_frame_equal(
        shown.select(GROUP),
        shown.select(pl.when(~before).then(expected).alias(GROUP)),
    )
    assert shown.filter(~before)[VISITOR].n_unique() == PARAMS.visitors


def test_the_period_is_the_planned_one(tables):
    shown, _ = tables
    day = timedelta(days=1)
    assert shown[TIME].min() >= PARAMS.begin - 3 * day
    assert shown[TIME].min() < PARAMS.begin - 2.9 * day
    assert PARAMS.begin + 8.9 * day < shown[TIME].max() < PARAMS.begin + 9 * day


def test_outcomes_are_on_items_that_were_shown_just_before(tables):
    shown, followed = tables
    sample = followed.head(500)
    pairs = sample.join(shown, on=VISITOR).filter(
        pl.col(ITEMS).list.contains(pl.col(ITEM)),
        pl.col(f"{TIME}_right") <= pl.col(TIME),
        pl.col(f"{TIME}_right") > pl.col(TIME) - timedelta(hours=12),
    )
    assert pairs[OUTCOME].n_unique() == 500
    assert followed.filter(pl.col(KIND) != "order")[QUANTITY].unique().to_list() == [1]


def test_uplifts_are_as_planned(tables):
    shown, followed = tables
    shown, followed = (own.filter(pl.col(TIME) >= PARAMS.begin) for own in tables)
    groups = shown.select(VISITOR, GROUP).unique()
    counts = followed.join(groups, on=VISITOR).group_by(KIND, GROUP).len()
    lists = dict(shown.group_by(GROUP).len().iter_rows())
    found = {(kind, group): n / lists[group] for kind, group, n in counts.iter_rows()}
    for kind, uplift in PARAMS.planned["b"].items():
        measured = found[kind, "b"] / found[kind, "a"]
        assert measured == pytest.approx(1 + uplift, rel=0.06)


def test_the_seed_decides_and_blocks_are_apart(tables):
    shown, followed = tables
    assert_frame_equal(simulate.scan_outcomes(EXPERIMENT, PARAMS).collect(), followed)
    blocks = shown.select(pl.col(VISITOR) // simulate.BLOCK)
    assert blocks.to_series().is_sorted()
    other = PARAMS.model_copy(update={"seed": 2})
    assert not simulate.scan_outcomes(EXPERIMENT, other).collect().equals(followed)


def test_the_truth_is_that_of_the_metrics():
    experiment = EXPERIMENT.model_copy(
        update={
            "metrics": {
                "clicks": MetricParams(numerator="click", denominator="impressions"),
                "orders_per_cart": MetricParams(numerator="order", denominator="cart"),
                "looks": MetricParams(numerator="look"),
            }
        }
    )
    found = simulate.truth(experiment, PARAMS)
    assert found["label"] == "planned"
    assert found["uplifts"]["a"] == {"clicks": 0, "orders_per_cart": 0, "looks": 0}
    assert found["uplifts"]["b"] == pytest.approx(
        {"clicks": 0.5, "orders_per_cart": 0.5, "looks": 0}
    )
    assert "paper" in simulate.truth(EXPERIMENT, SimulatedTestParams())["label"]
