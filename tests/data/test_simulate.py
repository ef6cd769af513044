"""The simulated clicks: their form, and what their visitors do."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tronrec.data.shop import locate, open_shop
from tronrec.data.simulate import (
    BLOCK,
    STEPS_BACK,
    simulate_block,
    simulate_clicks,
)
from tronrec.params import SimulationParams
from tronrec.schemas import CLICKS, ITEM, SESSION, TEST_FILE, TIME

SMALL = SimulationParams(sessions=300, items=60, categories=6)


def clicks_of(params: SimulationParams) -> pl.DataFrame:
    return pl.concat(simulate_clicks(params))


@pytest.fixture(scope="module")
def default_clicks() -> pl.DataFrame:
    return clicks_of(SimulationParams())


@st.composite
def shops(draw: st.DrawFn) -> SimulationParams:
    items = draw(st.integers(2, 200))
    days = draw(st.integers(2, 60))
    substitutes, complements, repeats = draw(st.tuples(*[st.floats(0, 1 / 3)] * 3))
    return SimulationParams(
        sessions=draw(st.integers(2, 200)),
        items=items,
        categories=draw(st.integers(1, items)),
        days=days,
        test_days=draw(st.integers(1, days - 1)),
        median_length=draw(st.floats(0.5, 8)),
        length_spread=draw(st.floats(0, 1.5)),
        substitutes=draw(st.integers(1, 8)),
        complements=draw(st.integers(1, 4)),
        substitute_share=substitutes,
        complement_share=complements,
        repeat_share=repeats,
        loyalty=draw(st.floats(0, 1)),
        visit_share=draw(st.floats(0, 1)),
        drift=draw(st.floats(0, 1)),
        seed=draw(st.integers(0, 2**32)),
    )


@settings(max_examples=100)
@given(params=shops())
def test_every_shop_yields_clicks_in_canonical_form(params: SimulationParams) -> None:
    clicks = clicks_of(params)
    assert clicks.schema == CLICKS
    assert clicks.null_count().sum_horizontal().item() == 0
    assert clicks[ITEM].is_between(0, params.items - 1).all()
    sessions = clicks.group_by(SESSION, maintain_order=True).agg(
        pl.len(),
        pl.col(TIME).first().alias("start"),
        pl.col(TIME).diff().min().dt.total_milliseconds().alias("gap"),
    )
    assert sessions[SESSION].to_list() == list(range(params.sessions))
    assert clicks[SESSION].is_sorted()
    assert sessions["len"].is_between(2, 500).all()
    assert sessions["start"].is_sorted()
    assert (sessions["gap"] > 0).all()
    end = pl.datetime(2022, 8, 1, time_zone="UTC") + pl.duration(days=params.days)
    assert sessions.select((pl.col("start") < end).all()).item()
    in_test = clicks.select(pl.col(TIME) >= end - pl.duration(days=params.test_days))
    assert in_test.to_series().to_list() == clicks[TEST_FILE].to_list()


def test_the_seed_decides() -> None:
    assert_frame_equal(clicks_of(SMALL), clicks_of(SMALL))
    other = clicks_of(SMALL.model_copy(update={"seed": 1}))
    assert not clicks_of(SMALL).equals(other)


def test_sessions_come_in_blocks_drawn_as_they_are_asked_for() -> None:
    endless = SimulationParams(sessions=10**12)
    frames = simulate_clicks(endless)
    first, second = next(frames), next(frames)
    assert first[SESSION].unique().to_list() == list(range(BLOCK))
    assert second[SESSION].min() == BLOCK
    assert not first[ITEM].head(1000).equals(second[ITEM].head(1000))


def test_a_block_does_not_depend_on_the_blocks_before_it() -> None:
    params = SimulationParams(sessions=2 * BLOCK + 10, items=100, categories=5)
    shop = open_shop(params)
    alone = [simulate_block(params, shop, block) for block in (2, 1, 0)]
    assert_frame_equal(pl.concat(reversed(alone)), clicks_of(params))


def only(**shares: float) -> SimulationParams:
    """Return a shop whose visitors do nothing else."""
    nothing = dict.fromkeys(
        ("substitute_share", "complement_share", "repeat_share", "visit_share"), 0.0
    )
    shop = {"items": 2000, "categories": 10}
    return SMALL.model_copy(update=nothing | shop | shares)


@pytest.mark.parametrize(
    ("share", "columns"),
    [
        ("substitute_share", slice(0, SMALL.substitutes)),
        ("complement_share", slice(SMALL.substitutes, None)),
    ],
)
def test_a_visitor_who_only_follows_takes_what_goes_with_the_last_clicks(
    share: str, columns: slice
) -> None:
    params = only(**{share: 1.0})
    shop = open_shop(params)
    slot_of = np.argsort(shop.item_ids)
    followed = np.zeros(len(STEPS_BACK), int)
    for _, session in clicks_of(params).group_by(SESSION, maintain_order=True):
        slots = slot_of[session[ITEM]]
        for position in range(1, len(slots)):
            before = slots[max(0, position - len(STEPS_BACK)) : position][::-1]
            fits = [slots[position] in shop.related[slot, columns] for slot in before]
            assert any(fits)
            if position >= len(STEPS_BACK) and sum(fits) == 1:
                followed[fits.index(True)] += 1
    parts = followed / followed.sum()
    assert parts == pytest.approx(STEPS_BACK, abs=0.05)


def test_a_visitor_who_only_repeats_sees_one_item() -> None:
    seen = clicks_of(only(repeat_share=1.0)).group_by(SESSION)
    assert set(seen.agg(pl.col(ITEM).n_unique())[ITEM]) == {1}


def test_a_loyal_visitor_stays_with_a_category_and_a_brand() -> None:
    params = only(loyalty=1.0)
    shop = open_shop(params)
    clicks = clicks_of(params)
    slots = np.argsort(shop.item_ids)[clicks[ITEM].to_numpy()]
    category, brand, price = (column[slots] for column in locate(shop))
    seen = clicks.select(SESSION, category=category, brand=brand, price=price)
    counts = seen.group_by(SESSION).n_unique()
    assert (counts["category"] == 1).all()
    assert (counts["brand"] == 1).all()
    assert counts["price"].max() > 1
    free = clicks_of(only(loyalty=0.0))
    slots = np.argsort(shop.item_ids)[free[ITEM].to_numpy()]
    brands = free.select(SESSION, brand=locate(shop)[1][slots])
    assert brands.group_by(SESSION).n_unique()["brand"].max() > 1


def test_lengths_are_those_of_otto() -> None:
    """The publisher counts 16.8 in the mean, a median of 6, and 90 % up to 39."""
    clicks = clicks_of(SimulationParams(sessions=100_000))
    lengths = clicks.group_by(SESSION).len()["len"]
    assert lengths.mean() == pytest.approx(16.8, rel=0.05)
    assert lengths.median() == pytest.approx(6, abs=1)
    assert lengths.quantile(0.9) == pytest.approx(39, abs=3)
    assert lengths.min() == 2
    assert lengths.max() == 500


def test_sessions_stay_within_two_categories(default_clicks: pl.DataFrame) -> None:
    shop = open_shop(SimulationParams())
    slots = np.argsort(shop.item_ids)[default_clicks[ITEM].to_numpy()]
    clicks = default_clicks.select(SESSION, category=locate(shop)[0][slots])
    counts = clicks.group_by(SESSION, "category").len().sort("len", descending=True)
    focus = counts.group_by(SESSION).agg(
        pl.col("len").head(2).sum() / pl.col("len").sum()
    )
    assert focus["len"].mean() > 0.9


def test_popularity_is_heavy_tailed(default_clicks: pl.DataFrame) -> None:
    counts = default_clicks[ITEM].value_counts(sort=True)["count"]
    assert counts.head(50).sum() > 0.08 * len(default_clicks)
    assert counts.tail(2500).sum() < 0.25 * len(default_clicks)


def test_popularity_moves_on(default_clicks: pl.DataFrame) -> None:
    """Weeks are the less alike the further apart they are."""
    week = (pl.col(TIME).first().over(SESSION).dt.ordinal_day() - 213) // 7
    counts = default_clicks.with_columns(week=week).pivot(
        "week", index=ITEM, values=SESSION, aggregate_function="len"
    )
    likeness = [
        counts.fill_null(0).select(pl.corr("0", later)).item()
        for later in ("1", "2", "3")
    ]
    assert likeness == sorted(likeness, reverse=True)
    assert likeness[-1] < 0.75


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"items": 10, "categories": 11}, r"categories \(11\) exceed items \(10\)"),
        ({"days": 7}, r"test_days \(7\) leave none of days \(7\)"),
        (
            {"repeat_share": 0.9},
            r"substitute_share \(0.25\), complement_share \(0.05\) and repeat_share "
            r"\(0.9\) exceed 1 together; lower one",
        ),
    ],
)
def test_parameters_must_fit_together(wrong: dict[str, float], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SimulationParams.model_validate(wrong)
