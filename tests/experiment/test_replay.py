"""A simulated test of systems whose lists are known."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tronrec.data.packed import PackedSessions
from tronrec.experiment import replay as module
from tronrec.experiment.analysis import measure
from tronrec.experiment.assignment import Assignment
from tronrec.experiment.logs import read_logs
from tronrec.experiment.replay import find_visits, replay
from tronrec.params.experiment import ExperimentParams
from tronrec.params.simulated_test import ReplayedTestParams

NUMBERS = pl.Series(range(100, 130))
PARAMS = ReplayedTestParams(list_length=5, lists=4)
EXPERIMENT = ExperimentParams(groups={"poor": 1, "good": 1}, control="poor")


def sessions_of(lengths: list[int], items: int = 30, seed: int = 0) -> PackedSessions:
    rng = np.random.default_rng(seed)
    return PackedSessions(
        rng.integers(1, items + 1, sum(lengths)).astype(np.int32),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
    )


def minutes(test: PackedSessions) -> np.ndarray:
    begin = int(datetime(2023, 5, 9, tzinfo=UTC).timestamp() * 1000)
    return begin + 60_000 * np.arange(len(test.items))


@given(
    lengths=st.lists(st.integers(2, 9), min_size=2, max_size=20),
    visitors=st.one_of(st.none(), st.integers(2, 30)),
)
def test_visits_are_the_beginnings_of_sessions(lengths, visitors):
    test = sessions_of(lengths)
    time = minutes(test)
    params = PARAMS.model_copy(update={"visitors": visitors})
    visits = find_visits(test, time, params)
    begun = np.split(visits.begun.items, visits.begun.offsets[1:-1])
    found = list(
        zip(visits.visitor, map(list, begun), visits.wanted, visits.time, strict=True)
    )
    chosen = sorted(set(visits.visitor.tolist()))
    assert len(chosen) == min(visitors or len(lengths), len(lengths))
    expected = []
    for session in chosen:
        clicks = test.items[test.offsets[session] : test.offsets[session + 1]]
        for place in range(1, min(len(clicks), PARAMS.lists + 1)):
            last = time[test.offsets[session] + place - 1]
            expected.append((session, list(clicks[:place]), clicks[place], last))
    assert found == expected


def repeat_last(sessions: PackedSessions, k: int) -> np.ndarray:
    """The last item, then those that follow it in number."""
    last = sessions.items[sessions.offsets[1:] - 1]
    return (last[:, None] - 1 + np.arange(k)) % 30 + 1


def far_away(sessions: PackedSessions, k: int) -> np.ndarray:
    return (repeat_last(sessions, k) + 14) % 30 + 1


def near_sessions(number: int) -> PackedSessions:
    """Each click is on one of the five items from the last one on, mostly the first."""
    rng = np.random.default_rng(1)
    test = sessions_of(rng.integers(2, 8, number).tolist())
    steps = (5 * rng.random(len(test.items)) ** 2).astype(int)
    steps[rng.random(len(steps)) < 0.2] = 15
    return PackedSessions((np.cumsum(steps) % 30 + 1).astype(np.int32), test.offsets)


TEST = near_sessions(8000)
VISITS = find_visits(TEST, minutes(TEST), PARAMS)
SYSTEMS = {"poor": far_away, "good": repeat_last}


@pytest.fixture(scope="module")
def played():
    return replay(VISITS, SYSTEMS, NUMBERS, EXPERIMENT, PARAMS)


def test_each_visitor_sees_the_lists_of_the_groups_system(played):
    assignment = Assignment(EXPERIMENT.salt, EXPERIMENT.weights)
    lists = {name: own(VISITS.begun, 5) for name, own in SYSTEMS.items()}
    for row in played.exposures.head(300).iter_rows(named=True):
        event = row["exposure_id"]
        assert row["group"] == assignment.group(row["visitor_id"])
        shown = lists[row["group"]][event]
        assert row["items"] == NUMBERS.gather(shown - 1).to_list()


def test_clicks_are_on_what_was_wanted_and_fall_with_the_place(played):
    pairs = played.outcomes.filter(pl.col("kind") == "click").with_columns(
        exposure_id=pl.col("outcome_id") // 3
    )
    both = played.exposures.join(pairs, on="exposure_id", how="left")
    wanted = NUMBERS.gather(VISITS.wanted - 1)
    both = both.with_columns(wanted=wanted)
    clicked = both.filter(pl.col("item_id").is_not_null())
    assert (clicked["item_id"] == clicked["wanted"]).all()
    shares = []
    for number in range(5):
        at = both.filter(pl.col("items").list.get(number) == pl.col("wanted"))
        shares.append(at["item_id"].is_not_null().mean())
    expected = [0.5 / (place + 1) ** 0.5 for place in range(5)]
    assert shares == pytest.approx(expected, abs=0.05)
    steps = dict(played.outcomes.group_by("kind").len().iter_rows())
    assert steps["cart"] / steps["click"] == pytest.approx(0.25, abs=0.02)
    assert steps["order"] / steps["cart"] == pytest.approx(0.4, abs=0.04)


def test_the_analysis_finds_the_true_uplift(played):
    logs = played.exposures.lazy(), played.outcomes.lazy()
    results = measure(*read_logs(*logs, EXPERIMENT), EXPERIMENT)
    for row in results["uplifts"]:
        truth = played.truth["uplifts"]["good"][row["metric"]]
        assert truth > 1
        assert row["always_low"] < truth < row["always_high"]
    assert played.truth["uplifts"]["poor"] == dict.fromkeys(EXPERIMENT.measured, 0)


def test_systems_that_are_the_same_have_no_uplift():
    same = dict.fromkeys(SYSTEMS, repeat_last)
    truth = replay(VISITS, same, NUMBERS, EXPERIMENT, PARAMS).truth
    assert set(truth["uplifts"]["good"].values()) == {0}


def test_parts_and_kinds_of_ids_change_nothing(played, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 7)
    text = NUMBERS.cast(pl.String)
    again = replay(VISITS, SYSTEMS, text, EXPERIMENT, PARAMS)
    assert again.truth == played.truth
    to_text = pl.col("items").cast(pl.List(pl.String))
    assert again.exposures.equals(played.exposures.with_columns(to_text))
    to_text = pl.col("item_id").cast(pl.String)
    assert again.outcomes.equals(played.outcomes.with_columns(to_text))


def test_a_catalogue_may_be_smaller_than_a_list():
    few = sessions_of([3, 3, 4], items=3)
    visits = find_visits(few, minutes(few), PARAMS)
    everything = {
        name: lambda sessions, k: np.tile(np.arange(1, k + 1), (len(sessions), 1))
        for name in SYSTEMS
    }
    found = replay(visits, everything, NUMBERS.head(3), EXPERIMENT, PARAMS)
    assert found.exposures["items"].list.len().unique().to_list() == [3]
