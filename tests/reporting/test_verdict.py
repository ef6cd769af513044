import numpy as np
import pytest

from tronrec.reporting.verdict import compare_with_baselines, spoken, verdict

GENERATOR = np.random.default_rng(0)
SESSION = np.repeat(np.arange(400), 3)


def ranks(recall: float) -> np.ndarray:
    """Ranks, of which such a share is a hit."""
    return np.where(GENERATOR.random(len(SESSION)) < recall, 3, 21)


@pytest.mark.parametrize(
    ("model", "baseline", "judged"),
    [
        (0.6, 0.4, "so it is worth its training."),
        (0.4, 0.6, "so the baseline, which needs no training, is better."),
        (0.5, 0.5, "so nothing says that it is better than what needs no training."),
    ],
)
def test_the_best_baseline_decides(model, baseline, judged):
    found = {"tron_xl": ranks(model), "last_item": ranks(0.1)}
    rows = compare_with_baselines(found | {"session_knn": ranks(baseline)}, SESSION, 20)
    sentence = verdict(rows, 20)
    assert sentence.endswith(judged)
    assert f"in {100 * rows[0]['recall']:.1f} of 100 cases" in sentence
    assert f"session kNN, in {100 * rows[2]['recall']:.1f} of 100" in sentence


def test_leads_are_differences_within_their_intervals():
    found = {"tron_xl": ranks(0.5), "item_knn": ranks(0.3)}
    model, baseline = compare_with_baselines(found, SESSION, 20)
    assert "recall_lead" not in model
    lead = np.mean(found["tron_xl"] <= 20) - np.mean(found["item_knn"] <= 20)
    assert baseline["recall_lead"] == pytest.approx(lead)
    low, high = baseline["recall_lead_interval"]
    assert low < lead < high
    assert model["recall"] == pytest.approx(np.mean(found["tron_xl"] <= 20))
    assert model["recall_interval"][0] < model["recall"] < model["recall_interval"][1]


def test_no_baseline_is_said():
    rows = compare_with_baselines({"mine": ranks(0.5)}, SESSION, 10)
    assert verdict(rows, 10).endswith("; it was compared with no baseline.")


def test_names_are_spoken():
    assert spoken("tron_plus") == "TRON+"
    assert spoken("session_knn") == "session kNN"
    assert spoken("sequential_rules") == "sequential rules"
