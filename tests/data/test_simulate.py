"""The simulated clicks: their form, their statistics, and what can be learnt."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tronrec.data.simulate import (
    BLOCK,
    describe_items,
    open_shop,
    simulate_block,
    simulate_clicks,
)
from tronrec.params import SimulationParams
from tronrec.schemas import CLICKS, ITEM, SESSION, TEST_FILE, TIME

PREVIOUS = "previous"
SMALL = SimulationParams(sessions=300, items=60, categories=6)


def clicks_of(params: SimulationParams) -> pl.DataFrame:
    return pl.concat(simulate_clicks(params))


@pytest.fixture(scope="module")
def default_clicks() -> pl.DataFrame:
    """Clicks of the default shop, with the item before each in its session."""
    return clicks_of(SimulationParams()).with_columns(
        pl.col(ITEM).shift().over(SESSION).alias(PREVIOUS)
    )


@st.composite
def shops(draw: st.DrawFn) -> SimulationParams:
    items = draw(st.integers(2, 200))
    days = draw(st.integers(2, 60))
    successor_share = draw(st.floats(0, 1))
    return SimulationParams(
        sessions=draw(st.integers(2, 200)),
        items=items,
        categories=draw(st.integers(1, items)),
        days=days,
        test_days=draw(st.integers(1, days - 1)),
        successors=draw(st.integers(1, 8)),
        successor_share=successor_share,
        repeat_share=draw(st.floats(0, 1 - successor_share)),
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


@settings(max_examples=100)
@given(params=shops())
def test_successors_stay_in_the_category(params: SimulationParams) -> None:
    shop = open_shop(params)
    assert shop.bounds[0] == 0
    assert shop.bounds[-1] == params.items
    assert (np.diff(shop.bounds) > 0).all()
    assert sorted(shop.item_ids) == list(range(params.items))
    assert shop.successors.shape == (params.items, params.successors)
    for slot, successors in enumerate(shop.successors):
        category = np.searchsorted(shop.bounds, slot, side="right")
        assert (
            np.searchsorted(shop.bounds, successors, side="right") == category
        ).all()


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


def test_a_visitor_who_only_follows_takes_successors() -> None:
    params = SMALL.model_copy(
        update={"successor_share": 1.0, "repeat_share": 0.0, "visit_share": 0.0}
    )
    shop = open_shop(params)
    likely = {
        (shop.item_ids[slot], item)
        for slot, successors in enumerate(shop.successors)
        for item in shop.item_ids[successors]
    }
    for _, session in clicks_of(params).group_by(SESSION):
        assert set(pairwise(session[ITEM])) <= likely


def test_a_visitor_who_only_repeats_sees_one_item() -> None:
    params = SMALL.model_copy(
        update={"successor_share": 0.0, "repeat_share": 1.0, "visit_share": 0.0}
    )
    seen = clicks_of(params).group_by(SESSION).agg(pl.col(ITEM).n_unique())
    assert set(seen[ITEM]) == {1}


def test_lengths_are_those_of_otto() -> None:
    """The publisher counts 16.8 in the mean, a median of 6, and 90 % up to 39."""
    clicks = clicks_of(SimulationParams(sessions=100_000))
    lengths = clicks.group_by(SESSION).len()["len"]
    assert lengths.mean() == pytest.approx(16.8, rel=0.05)
    assert lengths.median() == pytest.approx(6, abs=1)
    assert lengths.quantile(0.9) == pytest.approx(39, abs=3)
    assert lengths.min() == 2
    assert lengths.max() == 500


def test_a_fifth_of_the_clicks_returns_to_an_item(default_clicks: pl.DataFrame) -> None:
    returns = default_clicks.select(pl.struct(SESSION, ITEM).is_first_distinct().not_())
    assert returns.to_series().mean() == pytest.approx(0.22, abs=0.03)


def test_sessions_stay_within_two_categories(default_clicks: pl.DataFrame) -> None:
    shop = open_shop(SimulationParams())
    slot = np.argsort(shop.item_ids)[default_clicks[ITEM].to_numpy()]
    category = np.searchsorted(shop.bounds, slot, side="right")
    clicks = default_clicks.select(SESSION, category=pl.Series(category))
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


def test_transitions_can_be_learnt(default_clicks: pl.DataFrame) -> None:
    """Counted item pairs predict later sessions; popularity and repetition do not."""
    in_test = pl.col(TEST_FILE).first().over(SESSION)
    test = default_clicks.filter(in_test, pl.col(PREVIOUS).is_not_null())
    train = default_clicks.filter(~in_test, ~pl.col(TEST_FILE))
    popular = train[ITEM].value_counts(sort=True).head(20)[ITEM]
    followers = (
        train.drop_nulls(PREVIOUS)
        .group_by(PREVIOUS, ITEM)
        .len()
        .sort("len", ITEM, descending=True)
        .group_by(PREVIOUS)
        .head(20)
    )
    by_popularity = test[ITEM].is_in(popular.implode()).mean()
    by_repetition = (test[ITEM] == test[PREVIOUS]).mean()
    by_transition = test.join(followers, on=[PREVIOUS, ITEM]).height / test.height
    assert by_transition > 0.6
    assert by_transition > 10 * max(by_popularity, by_repetition)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"items": 10, "categories": 11}, r"categories \(11\) exceed items \(10\)"),
        ({"days": 7}, r"test_days \(7\) leave none of days \(7\)"),
        ({"repeat_share": 0.5}, r"successor_share \(0.6\) and repeat_share \(0.5\)"),
    ],
)
def test_parameters_must_fit_together(wrong: dict[str, float], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SimulationParams.model_validate(wrong)


def test_every_item_has_a_title_of_its_own_and_a_category_one_kind() -> None:
    params = SimulationParams(items=300, categories=12)
    details = describe_items(params)
    assert sorted(details[ITEM]) == list(range(300))
    assert details["title"].n_unique() == 300
    kind = details["title"].str.split(" ").list[2]
    kinds = dict(zip(details[ITEM], kind, strict=True))
    shop = open_shop(params)
    for begin, end in pairwise(shop.bounds):
        assert len({kinds[item] for item in shop.item_ids[begin:end].tolist()}) == 1
