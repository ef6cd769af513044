from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import ValidationError

from reference.tuning import SPACE, make_params
from tronrec.params import SystemParams
from tronrec.tuning.space import apply, contains, distributions, draw, locate

PARAMS = make_params()


def ask(values: dict[str, Any] | None = None) -> optuna.Trial:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler())
    study.enqueue_trial(values or {})
    return study.ask()


@settings(max_examples=30)
@given(
    rate=st.floats(1e-4, 1e-1),
    top_k=st.none() | st.integers(5, 100),
    penalty=st.none() | st.floats(0.1, 0.5),
)
def test_what_is_located_is_drawn(rate, top_k, penalty):
    system = SystemParams.model_validate(
        {
            "training": {"learning_rate": rate},
            "sampling": {"top_k": top_k},
            "loss": {"name": "bce" if penalty is None else "bpr_max"}
            | ({} if penalty is None else {"penalty": penalty}),
        }
    )
    values = locate(PARAMS, system)
    assert apply(SystemParams(), draw(PARAMS, ask(values))) == system
    assert ("sampling.top_k" in values) == (top_k is not None)
    assert values["sampling.top_k.on"] == (top_k is not None)
    assert ("loss.penalty" in values) == (penalty is not None)


def test_a_value_outside_of_the_space_is_not_located():
    system = SystemParams.model_validate({"training": {"learning_rate": 0.2}})
    assert locate(PARAMS, system) == {"sampling.top_k.on": True, "sampling.top_k": 100}


def test_a_condition_that_is_not_met_gives_the_default():
    trial = ask({"loss.name": "bce"})
    assert draw(PARAMS, trial)["loss.penalty"] == 0
    assert "loss.penalty" not in trial.params


def test_kinds_of_distributions():
    found = {
        key: distribution
        for name, dimension in PARAMS.dimensions().items()
        for key, distribution in distributions(name, dimension)
    }
    assert found == {
        "training.learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "sampling.top_k.on": CategoricalDistribution([True, False]),
        "sampling.top_k": IntDistribution(5, 100, log=True),
        "loss.name": CategoricalDistribution(["bce", "bpr_max"]),
        "loss.penalty": FloatDistribution(0.1, 0.5),
    }
    assert not contains(found["training.learning_rate"], None)
    assert not contains(found["loss.name"], "mse")


def test_whole_limits_of_a_fraction_are_no_integers():
    space = {"model": {"dropout": {"low": 0, "high": 1e-1}}}
    ((_, dimension),) = make_params(space=space).dimensions().items()
    ((_, found),) = distributions("model.dropout", dimension)
    assert isinstance(found, FloatDistribution)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sampling": {"topk": {"low": 1, "high": 2}}}, "space.sampling.topk: there"),
        ({"optimiser": {"lr": {"low": 1, "high": 2}}}, "space.optimiser.lr: there"),
        ({"sampling": {"top_k": {"low": 0, "high": 9}}}, "space.sampling.top_k: 0: "),
        ({"loss": {"name": {"choices": ["mse"]}}}, "space.loss.name: 'mse': "),
        ({"model": {"dropout": {"low": 0.5, "high": 0.1}}}, "low .0.5. is not below"),
        ({"model": {"dropout": {"low": 0.5}}}, "needs low and high, or choices"),
        ({"model": {"dropout": {"low": 0, "high": 1, "log": True}}}, "log needs low"),
        ({"loss": {"name": {"choices": ["bce"], "low": 1}}}, "choices and a range"),
        ({"model": {"dropout": {"low": 0, "high": 0.5, "or_null": True}}}, "None: "),
        (
            {"loss": {"penalty": {"low": 0, "high": 1, "when": {"loss.nam": [1]}}}},
            "space.loss.penalty: when: loss.nam is not searched",
        ),
        (
            {
                "loss": SPACE["loss"]
                | {"elu": {"choices": [1], "when": {"loss.name": [3]}}}
            },
            "space.loss.elu: when: .3. are not among the choices of loss.name",
        ),
    ],
)
def test_a_bad_entry_is_named(change, problem):
    with pytest.raises(ValidationError, match=problem):
        make_params(space=change)


def test_values_that_do_not_go_together_are_refused():
    with pytest.raises(ValidationError, match="top_k"):
        apply(SystemParams(), {"sampling.uniform": 1, "sampling.in_batch": 1})
