from itertools import product

import numpy as np
import pytest

from tronrec.evaluation.metrics import mean_reciprocal_rank, recall
from tronrec.evaluation.significance import (
    compare,
    intervals,
    intervals_of_systems,
    p_values,
    session_scores,
)
from tronrec.reporting.verdict import compare_with_baselines

SESSION = np.repeat(np.arange(200), np.arange(200) % 5 + 1)


def random_ranks(seed: int, hardness: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.minimum(generator.geometric(1 / hardness, len(SESSION)), 21)


def test_scores_of_sessions_add_up_to_the_metrics():
    ranks = random_ranks(0, 15)
    total = session_scores(ranks, SESSION, 20).sum(0) / len(ranks)
    expected = [recall(ranks, 20), mean_reciprocal_rank(ranks, 20)]
    assert total.tolist() == pytest.approx(expected)


def test_intervals_are_those_of_the_normal_approximation():
    """With many sessions of one event the mean's standard error is known."""
    hits = np.random.default_rng(0).random((4000, 1)) < 0.3
    [[low, high]] = intervals(hits * 1.0, np.ones(4000, int), resamples=2000)
    error = 1.96 * (hits.mean() * (1 - hits.mean()) / 4000) ** 0.5
    assert low == pytest.approx(hits.mean() - error, abs=error / 10)
    assert high == pytest.approx(hits.mean() + error, abs=error / 10)


def test_intervals_know_that_events_of_a_session_depend_on_each_other():
    hit = np.random.default_rng(0).random(300) < 0.5
    alone = intervals(hit[:, None] * 1.0, np.ones(300, int), resamples=500)
    tenfold = intervals(hit[:, None] * 10.0, np.full(300, 10), resamples=500)
    assert tenfold == pytest.approx(alone)


def test_p_values_are_those_of_all_exchanges():
    differences = np.random.default_rng(3).normal(0.4, 1, (10, 2))
    observed = np.abs(differences.sum(0))
    exchanges = [np.array(signs) @ differences for signs in product((-1, 1), repeat=10)]
    exact = np.mean(np.abs(exchanges) >= observed - 1e-9, axis=0)
    found = p_values(differences, resamples=20_000)
    assert found == pytest.approx(exact, abs=0.02)


def test_no_difference_is_never_significant():
    assert p_values(np.zeros((50, 1)), resamples=100).tolist() == [1]


def test_compare_names_the_clear_difference_and_no_other():
    ranks = {
        "subject": random_ranks(0, 12),
        "twin": random_ranks(1, 12),
        "worse": random_ranks(2, 40),
    }
    found = compare(ranks, SESSION, subject="subject", resamples=1000)
    assert list(found) == ["subject", "twin", "worse"]
    for name, own in ranks.items():
        assert found[name]["recall@20"] == pytest.approx(recall(own, 20))
        low, high = found[name]["recall@20_interval"]
        assert low < found[name]["recall@20"] < high
    assert found["worse"]["recall@20_p"] < 0.01
    assert found["twin"]["mrr@20_p"] > 0.05
    assert "recall@20_p" not in found["subject"]


def test_without_the_subject_nothing_is_compared():
    found = compare({"a": random_ranks(0, 9)}, SESSION, subject="b", resamples=100)
    assert set(found["a"]) == {
        "recall@20",
        "recall@20_interval",
        "mrr@20",
        "mrr@20_interval",
    }


def test_intervals_of_a_summary_are_those_of_the_report():
    ranks = {"ours": random_ranks(0, 9), "theirs": random_ranks(1, 12)}
    found = intervals_of_systems(ranks, SESSION)
    rows = compare_with_baselines(ranks, SESSION, 20)
    assert found == {
        row["system"]: {
            "recall@20": row["recall_interval"],
            "mrr@20": row["mrr_interval"],
        }
        for row in rows
    }
    alone = intervals_of_systems({"ours": ranks["ours"]}, SESSION)
    for metric, interval in alone["ours"].items():
        assert interval == pytest.approx(found["ours"][metric])
    low, high = found["ours"]["recall@20"]
    assert low < recall(ranks["ours"], 20) < high


def test_sessions_that_were_not_measured_do_not_count():
    ranks = {"one": np.array([1, 30, 2, 30]), "two": np.array([30, 1, 2, 3])}
    close, apart = np.array([0, 0, 1, 2]), np.array([3, 3, 40, 900])
    found = [
        compare(ranks, session, subject="one", resamples=200)
        for session in (close, apart)
    ]
    assert found[0] == found[1]
