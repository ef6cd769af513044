import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tronrec.errors import UserError
from tronrec.params import (
    AS_CONFIGURED,
    BenchmarkParams,
    DatasetParams,
    ModelParams,
    SystemParams,
)
from tronrec.systems import merge
from tronrec.systems import resolve_parameters as resolve_with

DATASETS = ("yoochoose", "otto")
XL = {"systems": {"tron_plus": None}}
DEFAULTS = DatasetParams().model_dump(mode="json")
SYSTEM_DEFAULTS = SystemParams().model_dump(mode="json")

choices = st.fixed_dictionaries(
    {},
    optional={
        "model": st.fixed_dictionaries(
            {},
            optional={
                "dropout": st.sampled_from([0.1, 0.2, 0.3]),
                "window": st.integers(1, 9),
            },
        ),
        "sampling": st.fixed_dictionaries(
            {}, optional={"top_k": st.sampled_from([None, 7]), "uniform": st.just(99)}
        ),
        "training": st.none() | st.fixed_dictionaries({"epochs": st.integers(1, 9)}),
    },
)


def resolve_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    return resolve_with(parameters, DATASETS)


def compare_all(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the benchmark block that compares all systems as they are."""
    systems = {
        name: merge(SYSTEM_DEFAULTS, own or {})
        for name, own in parameters["systems"].items()
    }
    return DEFAULTS["benchmark"] | {"systems": systems}


def without_selections(block: dict[str, Any]) -> dict[str, Any]:
    """Return the block without the systems that are compared or tried first."""
    rest = {key: value for key, value in block.items() if key != "benchmark"}
    return rest | {"tuning": rest["tuning"] | {"warm_start": {}}}


def leaves(tree: dict[str, Any], path: tuple[str, ...] = ()) -> dict[Any, Any]:
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= leaves(value, (*path, key))
        elif (*path, key) != ("training",):  # None there is an empty block
            flat[*path, key] = value
    return flat


@given(system=choices, on_otto=choices, own=choices)
def test_the_later_layer_wins(
    system: dict[str, Any], on_otto: dict[str, Any], own: dict[str, Any]
) -> None:
    parameters = {
        "systems": {"tron_plus": system | {"datasets": {"otto": on_otto}}},
        "otto": own,
    }
    resolved = resolve_parameters(parameters)
    expected = leaves(without_selections(DEFAULTS)) | leaves(system)
    assert leaves(without_selections(resolved["yoochoose"])) == expected
    expected |= leaves(on_otto)
    assert leaves(without_selections(resolved["otto"])) == expected | leaves(own)
    compared = resolved["otto"]["benchmark"]["systems"]["tron_plus"]
    assert leaves(compared).items() <= expected.items()


@given(own=choices)
def test_resolving_twice_changes_nothing(own: dict[str, Any]) -> None:
    resolved = resolve_parameters(XL | {"otto": own})
    assert resolve_parameters(resolved) == resolved


def test_a_block_is_complete_without_being_written() -> None:
    search = DEFAULTS["tuning"] | {"warm_start": {AS_CONFIGURED: SYSTEM_DEFAULTS}}
    block = DEFAULTS | {"benchmark": compare_all(XL), "tuning": search}
    assert resolve_parameters(XL) == XL | dict.fromkeys(DATASETS, block)


def test_null_is_a_value_where_it_may_be_one() -> None:
    own = {"sampling": {"top_k": None}, "model": None}
    block = resolve_parameters(XL | {"otto": own})["otto"]
    expected = merge(DEFAULTS, {"sampling": {"top_k": None}})
    assert without_selections(block) == without_selections(expected)


@pytest.mark.parametrize(
    "chosen",
    [["small", "tron_plus"], "small tron_plus", {"small": None, "tron_plus": {}}],
)
def test_a_benchmark_names_its_systems(chosen: object) -> None:
    small = {"model": {"layers": 1}, "datasets": {"otto": {"model": {"window": 7}}}}
    parameters = {
        "systems": {"tron_plus": None, "other": None, "small": small},
        "otto": {"benchmark": {"systems": chosen, "epochs": 3}},
    }
    benchmark = resolve_parameters(parameters)["otto"]["benchmark"]
    assert list(benchmark["systems"]) == ["small", "tron_plus"]
    assert benchmark["systems"]["small"]["model"]["layers"] == 1
    assert benchmark["systems"]["small"]["model"]["window"] == 7
    entries = BenchmarkParams.model_validate(benchmark).entries()
    assert {system.training.epochs for system in entries.values()} == {3}


def test_a_system_may_differ_in_the_benchmark() -> None:
    changes = {"tron_plus": {"training": {"epochs": 2}}}
    block = {"model": {"layers": 5}, "benchmark": {"systems": changes}}
    resolved = resolve_parameters(XL | {"otto": block})["otto"]
    compared = resolved["benchmark"]["systems"]["tron_plus"]
    assert compared == merge(SYSTEM_DEFAULTS, changes["tron_plus"])


@pytest.mark.parametrize("chosen", [["other"], "other", {"other": None}])
def test_ones_own_settings_are_compared_and_tried_first(chosen: object) -> None:
    changes = {"model": {"layers": 5}, "training": {"seed": 3}}
    selections = {"benchmark": {"systems": chosen}, "tuning": {"warm_start": chosen}}
    parameters = XL | {
        "systems": {"tron_plus": {"model": {"window": 7}}, "other": None},
        "otto": changes | selections,
    }
    block = resolve_parameters(parameters)["otto"]
    configured = merge(SYSTEM_DEFAULTS, changes | {"model": {"layers": 5, "window": 7}})
    for systems in (block["benchmark"]["systems"], block["tuning"]["warm_start"]):
        assert systems == {AS_CONFIGURED: configured, "other": SYSTEM_DEFAULTS}
    assert resolve_parameters(parameters | {"otto": block})["otto"] == block


def test_no_system_is_compared_twice() -> None:
    parameters = {
        "systems": {"tron_plus": None, "other": {"model": {"window": 7}}},
        "otto": {"model": {"window": 7}, "tuning": {"warm_start": ["other"]}},
    }
    block = resolve_parameters(parameters)["otto"]
    assert list(block["benchmark"]["systems"]) == ["tron_plus", "other"]
    assert list(block["tuning"]["warm_start"]) == ["other"]


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ({"training": {"epochs": True}}, "training.epochs = True"),
        ({"model": {"dropout": False}}, "model.dropout = False"),
        ({"sampling": {"top_k": True}}, "sampling.top_k = True"),
        ({"evaluation": {"cutoffs": [20, True]}}, "evaluation.cutoffs = [20, True]"),
        ({"tuning": {"trials": True}}, "tuning.trials = True"),
        ({"splitting": {"test_days": True}}, "splitting.test_days = True"),
    ],
)
def test_a_boolean_is_no_number(own: dict[str, Any], name: str) -> None:
    with pytest.raises(UserError) as error:
        resolve_parameters(XL | {"otto": own})
    (line,) = str(error.value).splitlines()[1:]
    assert line == f"  otto.{name}: must be a number, not true or false"


def test_a_boolean_is_a_value_of_a_switch_and_of_a_search() -> None:
    choices = {"model": {"item_bias": {"choices": [True, False]}}}
    own = {"model": {"item_bias": True}, "tuning": {"space": choices}}
    block = resolve_parameters(XL | {"otto": own})["otto"]
    assert block["model"]["item_bias"] is True
    assert block["tuning"]["space"]["model"]["item_bias"]["choices"] == [True, False]


def test_runtime_keys_pass() -> None:
    assert resolve_parameters(XL | {"raw_root": "/clicks"})["raw_root"] == "/clicks"


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"oto": {}}, "oto: unknown; did you mean otto?"),
        (
            {"seed": 1},
            f"seed: unknown; known: {', '.join(DATASETS)}, systems, tuning, raw_root",
        ),
        (
            {"sausages": {}},
            f"sausages: unknown; known: {', '.join(DATASETS)}, systems, tuning, "
            "raw_root; a data set has an entry sausages.raw_log in the catalog",
        ),
        (
            {"otto": {"training": {"epochs": -1}}},
            "otto.training.epochs = -1: must be greater than or equal to 1",
        ),
        (
            {"otto": {"training": {"epohs": 1}}},
            "otto.training.epohs: unknown parameter; did you mean epochs?",
        ),
        (
            {"otto": {"loss": {"temperature": 1}}},
            "otto.loss.temperature: unknown parameter; known: name",
        ),
        ({"otto": {"trainin": {}}}, "otto.trainin: unknown parameter; did you mean"),
        (
            {"otto": {"sampling": {"top_k": 9, "uniform": 2, "in_batch": 3}}},
            "otto.sampling: top_k (9) exceeds the negatives (5); lower it",
        ),
        (
            {"otto": {"model": 3}},
            "otto.model = 3: must be a block of names and values",
        ),
        (
            {"otto": {"ranking": {"repeat_gains": 3}}},
            "otto.ranking.repeat_gains = 3: must be a list, such as [1, 2]",
        ),
        (
            {"otto": {"ranking": {"repeat_gains": [1, "x"]}}},
            "otto.ranking.repeat_gains.1 = 'x': must be a valid number",
        ),
        (
            {"otto": {"ranking": {"trend": float("inf")}}},
            "otto.ranking.trend = inf: must be a finite number",
        ),
        (
            {"otto": {"evaluation": {"cutoffs": [20, "x"]}}},
            "otto.evaluation.cutoffs.1 = 'x': must be a valid integer",
        ),
        (
            {"otto": {"benchmark": {"systems": ["bert"]}}},
            "otto.benchmark.systems.bert: unknown; known: tron_plus",
        ),
        (
            {"otto": {"benchmark": {"systems": {"tron_plus": {"loss": {"nam": 1}}}}}},
            "otto.benchmark.systems.tron_plus.loss.nam: unknown parameter; did you",
        ),
        (
            {"otto": {"benchmark": {"epoch": 1}}},
            "otto.benchmark.epoch: unknown parameter; did you mean epochs?",
        ),
        (
            {"otto": {"training": {"batch_size": 16}}},
            "otto: sampling.in_batch (127) exceeds the other sessions of a batch (15)",
        ),
        (
            {"otto": {"training": {"batches": "session_parallel"}}},
            "otto: training.batches (session_parallel) needs an encoder with a state",
        ),
        (
            {
                "otto": {
                    "training": {"batches": "session_parallel"},
                    "model": {"encoder": "gru"},
                    "sampling": {"uniform_granularity": "elementwise"},
                }
            },
            "otto: sampling.uniform_granularity (elementwise) has no meaning where",
        ),
        (
            {"otto": {"system": "bert"}},
            "otto.system = bert: unknown; known: tron_plus",
        ),
        (
            {"systems": {"tron_plus": {"modl": {}}}},
            "systems.tron_plus.modl: unknown parameter; did you mean model?",
        ),
        (
            {"systems": {"tron_plus": {"datasets": {"oto": {}}}}},
            "systems.tron_plus.datasets.oto: unknown; did you mean otto?",
        ),
        (
            {"systems": {"tron_plus": {"datasets": {"otto": {"loss": {"name": "x"}}}}}},
            "systems.tron_plus.datasets.otto.loss.name = 'x': must be ",
        ),
        (
            {"systems": {"tron_plus": None, "unused": {"model": {"window": 0}}}},
            "systems.unused.model.window = 0: must be greater than or equal to 1",
        ),
    ],
)
def test_a_problem_has_place_value_and_remedy(
    parameters: dict[str, Any], problem: str
) -> None:
    expected = f"^Invalid parameters:\n  {re.escape(problem)}[^\n]*$"
    with pytest.raises(UserError, match=expected):
        resolve_parameters(XL | parameters)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"otto": 3}, "otto = 3: must be a block"),
        ({"systems": [1]}, "systems = [1]: must be a block"),
        ({"systems": {"tron_plus": 3}}, "systems.tron_plus = 3: must be a block"),
        (
            {"systems": {"tron_plus": {"datasets": {"otto": 3}}}},
            "systems.tron_plus.datasets.otto = 3: must be a block",
        ),
    ],
)
def test_a_block_is_a_block(parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(problem)}"):
        resolve_parameters(XL | parameters)


def test_all_problems_are_listed_once_and_where_they_are_written() -> None:
    parameters = {
        "oto": {},
        "systems": {
            "tron_plus": {
                "model": {"window": 0},
                "datasets": {"otto": {"model": {"dropout": 2}}},
            }
        },
        "otto": {"model": {"layers": 0}},
        "yoochoose": {"training": {"seed": "one"}},
    }
    with pytest.raises(UserError) as error:
        resolve_parameters(parameters)
    places = [line.split()[0] for line in str(error.value).splitlines()[1:]]
    assert places == [
        "oto:",
        "systems.tron_plus.model.window",
        "systems.tron_plus.datasets.otto.model.dropout",
        "yoochoose.training.seed",
        "otto.model.layers",
    ]


@given(st.integers(1, 9), st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_large_log_has_fewer_members(members, clicks, most):
    model = ModelParams(members=members, member_clicks=most)
    found = model.members_of(clicks)
    assert found == 1 or found * clicks <= most
    assert found == members or (found + 1) * clicks > most
    sized = SystemParams(model=model).sized_for(clicks)
    assert sized.model.members == found
    assert sized.sized_for(10 * clicks) == sized
    assert ModelParams(members=members).members_of(clicks) == members


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (
            {"temperature": 0.07, "item_bias": True},
            "temperature (0.07) leaves no room for item_bias; set either to null",
        ),
        (
            {"readout": "both", "encoder": "gru"},
            "readout (both) is for a transformer, not a gru; set it to state",
        ),
        (
            {"members": 2, "item_bias": True},
            "members (2) leave no room for item_bias; set either to 1 or false",
        ),
        (
            {"item_dropout": 0.2},
            "item_dropout (0.2) has nothing to act on with readout state; set it to 0",
        ),
    ],
)
def test_contradictory_readouts_are_refused(
    model: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(problem)):
        ModelParams.model_validate(model)
