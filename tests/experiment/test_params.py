from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tronrec.params.experiment import PAPER_METRICS, ExperimentParams, MetricParams
from tronrec.params.simulated_test import SimulatedTestParams


def test_without_a_word_it_is_the_papers_test():
    params = ExperimentParams()
    assert list(params.weights) == ["sasrec", "sasrec_ssm", "tron_xl"]
    assert list(params.measured) == list(PAPER_METRICS)
    assert SimulatedTestParams().shares("tron_xl")["click"] == pytest.approx(
        0.08 * 1.1814
    )
    assert SimulatedTestParams().shares("sasrec") == {
        "click": 0.08,
        "cart": 0.25,
        "order": 0.4,
    }


def test_effects_on_later_steps_hold_from_the_list_on():
    shares = SimulatedTestParams().shares("tron_xl")
    usual = SimulatedTestParams().shares("sasrec")
    assert shares["click"] * shares["cart"] == pytest.approx(
        usual["click"] * usual["cart"] * 1.2385
    )


@pytest.mark.parametrize("text", ["2023-05-09", "2023-05-09T02:00:00+02:00"])
def test_times_are_utc(text):
    params = ExperimentParams.model_validate({"begin": text})
    assert params.begin == datetime(2023, 5, 9, tzinfo=UTC)
    again = ExperimentParams.model_validate(params.model_dump(mode="json"))
    assert again == params


@pytest.mark.parametrize(
    ("model", "wrong", "reason"),
    [
        (ExperimentParams, {"control": "x"}, r"control \(x\) is not among groups"),
        (ExperimentParams, {"groups": {"sasrec": 1}}, "must be two or more; add one"),
        (
            ExperimentParams,
            {"begin": "2023-05-09", "end": "2023-05-01"},
            "must be later than begin",
        ),
        (ExperimentParams, {"days_before": 3}, r"days_before \(3\) need a begin"),
        (MetricParams, {"numerator": "visitors"}, "is no kind of outcome"),
        (
            SimulatedTestParams,
            {"effects": {"a": {"clicks": 1}}},
            "effects.a names clicks; known: click, cart, order",
        ),
        (SimulatedTestParams, {"effects": {"a": {"click": -1}}}, "must be above -1"),
        (
            SimulatedTestParams,
            {"effects": {"a": {"order": 2}}},
            "effects.a.order makes a share of 1.2 where 1 is the most",
        ),
        (
            SimulatedTestParams,
            {"effects": {"a": {"click": 9}}},
            "effects.a.click makes a share of 0.8 where 0.556 is the most",
        ),
        (
            SimulatedTestParams,
            {"items": 3},
            r"list_length \(10\) exceeds items \(3\); lower it",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(model, wrong, reason):
    with pytest.raises(ValidationError, match=reason):
        model.model_validate(wrong)
