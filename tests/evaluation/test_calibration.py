"""Terms that fit themselves: exact ranks from what is kept, and no choice by chance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.data.packed import PackedSessions
from tronrec.evaluation import calibration
from tronrec.evaluation.calibration import calibrate, fit_gains
from tronrec.evaluation.metrics import measure
from tronrec.evaluation.ranking import rank_targets
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, RankingParams
from tronrec.retrieval.ranking_terms import RankingTerms


def make_model(seed: int, items: int) -> Recommender:
    torch.manual_seed(seed)
    params = ModelParams(hidden_size=8, feed_forward=8, window=6, layers=1)
    model = Recommender(params, items)
    model.item_embeddings.data[1:].normal_()
    return model


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(2, 90),
    st.builds(
        RankingParams,
        trend=st.sampled_from([0, 0.5]),
        repeat_gains=st.lists(st.floats(-4, 4, width=32), max_size=5),
        count_gain=st.sampled_from([0, 1.3, -0.6]),
        successors=st.sampled_from([0, 0.7]),
    ),
)
def test_ranks_under_any_gains_are_those_of_the_evaluation(seed, items, params):
    """Sessions past the window, items clicked again, targets in and out of them."""
    model = make_model(seed, items)
    sessions = random_sessions(seed, sessions=9, num_items=items, longest=12)
    known = random_sessions(seed + 1, sessions=9, num_items=items, longest=9)
    terms = RankingTerms.count(params, items, known)
    expected = rank_targets(model, terms, sessions, depth=20).ranks
    passes = calibration._Passes(model, known, sessions)
    assert passes.try_terms(params).ranks.tolist() == expected.tolist()


def returning_sessions(share: float) -> PackedSessions:
    """Return sessions of which a share goes back to their earlier clicks."""
    rng = np.random.default_rng(0)
    clicks = rng.integers(1, 61, (400, 6)).astype(np.int32)
    back = rng.random(400) < share
    clicks[back, 4:] = clicks[back, 2:4]
    return PackedSessions(clicks.ravel(), np.arange(0, 2401, 6))


def test_gains_are_found_where_people_go_back():
    model, sessions = make_model(0, 60), returning_sessions(0.8)
    found = calibrate(model, RankingParams(), sessions, sessions)
    assert found.chosen == "fitted"
    assert found.params.repeat_gains[1] > 0
    plain = found.trials["plain"].metrics
    assert all(found.trials["fitted"].metrics[name] > plain[name] for name in plain)
    terms = RankingTerms.count(found.params, 60, sessions)
    measured = measure(rank_targets(model, terms, sessions), [20])
    for name, value in found.trials["fitted"].metrics.items():
        assert value == pytest.approx(measured[name])


def test_successors_gain_where_a_model_does_not_know_them():
    """Item n is followed by item n + 1, more often than not."""
    rng = np.random.default_rng(0)
    first = rng.integers(1, 60, 500)
    second = np.where(rng.random(500) < 0.7, first + 1, rng.integers(1, 61, 500))
    clicks = np.stack([first, second], 1).astype(np.int32).ravel()
    sessions = PackedSessions(clicks, np.arange(0, 1001, 2))
    found = calibrate(make_model(0, 60), RankingParams(), sessions, sessions)
    assert found.chosen == "fitted" and found.params.successors > 0
    assert found.trials["fitted"].metrics["mrr@20"] > 0.5


def test_what_is_configured_is_not_left_for_a_chance():
    model, sessions = (
        make_model(0, 60),
        random_sessions(0, sessions=60, num_items=60, longest=6),
    )
    worse = RankingParams(repeat_gains=[-9.0, -9.0])
    found = calibrate(model, worse, sessions, sessions)
    better = found.trials[found.chosen].metrics
    assert better["mrr@20"] >= found.trials["configured"].metrics["mrr@20"]
    noise = calibrate(model, RankingParams(), sessions, sessions)
    if noise.chosen == "fitted":
        plain, fitted = noise.trials["plain"].metrics, noise.trials["fitted"].metrics
        assert fitted["recall@20"] + fitted["mrr@20"] > sum(plain.values())
    assert noise.record()["ranking"] == noise.params.model_dump(mode="json")


def test_only_the_newest_sessions_are_looked_at(monkeypatch):
    monkeypatch.setattr(calibration, "EVENTS", 50)
    sessions = random_sessions(0, sessions=60, num_items=60, longest=6)
    found = calibrate(make_model(0, 60), RankingParams(), sessions, sessions)
    assert 50 <= found.events <= 55


def test_what_is_clicked_often_gains_where_people_go_back_to_it():
    """Of six items of a session, one is clicked three times, and then once more."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(300):
        often, *others = rng.choice(np.arange(1, 61), 6, replace=False)
        rows.append([*rng.permutation([often] * 3 + others), others[0], often])
    clicks = np.array(rows, np.int32)
    sessions = PackedSessions(clicks.ravel(), np.arange(len(clicks) + 1) * 10)
    params = ModelParams(hidden_size=8, feed_forward=8, window=9, layers=1)
    torch.manual_seed(0)
    found = calibrate(Recommender(params, 60), RankingParams(), sessions, sessions)
    assert found.chosen == "fitted" and found.params.count_gain > 0


def test_epochs_are_measured_with_the_gains_that_fit_them():
    model, sessions = make_model(0, 60), returning_sessions(0.8)
    terms = RankingTerms.count(RankingParams(trend=0.5), 60, sessions)
    fitted = fit_gains(model, terms, sessions, None)
    assert fitted.trend is terms.trend and fitted.params.repeat_gains[1] > 0
    before, after = (
        measure(rank_targets(model, each, sessions), [20]) for each in (terms, fitted)
    )
    assert after["mrr@20"] > before["mrr@20"]
    assert fit_gains(model, fitted, sessions, None) is fitted
