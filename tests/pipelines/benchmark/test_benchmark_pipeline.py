import numpy as np
import polars as pl
import pytest
import torch

from reference.data import random_sessions
from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.params import BenchmarkParams, EvaluationParams, SystemParams
from tronrec.pipelines import benchmark
from tronrec.pipelines.benchmark import nodes

ITEMS = 25
SMALL = {
    "model": {"hidden_size": 8, "feed_forward": 8, "window": 6},
    "ranking": {"trend": 0.5},
    "sampling": {"uniform": 20, "in_batch": 3, "top_k": 8},
    "training": {"epochs": 2, "batch_size": 8, "warmup_steps": 0},
}
PARAMS = BenchmarkParams(
    systems={
        "one": SystemParams.model_validate(SMALL),
        "two": SystemParams.model_validate(SMALL | {"loss": {"name": "bce"}}),
    },
    subject="one",
    resamples=100,
)
ONE_EPOCH = SMALL["training"] | {"epochs": 1}
ITEM_TABLE = pl.DataFrame({"count": np.arange(ITEMS, 0, -1)})
STATISTICS = {"train": {"sessions": 1, "events": 3, "items": ITEMS}}


def sessions(seed: int):
    return random_sessions(seed, sessions=30, num_items=ITEMS, longest=8)


def train(last: dict[str, Checkpoint], params: BenchmarkParams = PARAMS):
    loaders = {name: (lambda c=c: c) for name, c in last.items()}
    arguments = sessions(0), sessions(1), ITEM_TABLE, loaders
    return nodes.train_systems(params, "cpu", *arguments)


@pytest.fixture(scope="module")
def trained() -> dict[str, Checkpoint]:
    found: dict[str, Checkpoint] = {}
    for saved in train({}):
        found |= saved
    return found


def test_training_cannot_see_the_test_period():
    pipeline = benchmark.create_pipeline().only_nodes("train_systems")
    assert not [name for name in pipeline.datasets() if "test" in name]


def test_systems_are_trained_one_after_the_other():
    order = [(*saved,) for saved in train({})]
    assert order == [("one",), ("one",), ("two",), ("two",)]


def test_finished_systems_are_not_trained_again(trained):
    assert list(train(trained)) == []
    [saved] = [*train({"one": trained["one"]})][-1:]
    weights = saved["two"].tensors
    assert all(torch.equal(weights[k], v) for k, v in trained["two"].tensors.items())


def test_more_epochs_keep_the_peak_of_memory(trained):
    params = PARAMS.model_copy(update={"epochs": 1})
    [saved, _] = list(train(trained, params))
    assert len(saved["one"].state.history) == 1  # another schedule: trained afresh
    assert saved["one"].state.peak_bytes is None or saved["one"].state.peak_bytes


def test_every_system_and_baseline_ranks_the_same_events(trained):
    loaders = {name: (lambda c=c: c) for name, c in trained.items()}
    test, evaluation = sessions(2), EvaluationParams()
    ranks, history, runs = nodes.rank_systems(
        PARAMS, evaluation, "cpu", loaders, ITEM_TABLE, sessions(0), sessions(1), test
    )
    events = len(test.items) - len(test)
    assert ranks.shape == (events, 3)
    assert history["system"].to_list() == ["one", "one", "two", "two"]
    baselines = nodes.rank_baselines(evaluation, ITEM_TABLE, sessions(0), test)
    assert baselines.height == events
    results = nodes.compare_systems(PARAMS, ranks, baselines, runs)
    assert list(results) == ["one", "two", *evaluation.baselines]
    for name, own in results.items():
        column = (ranks if name in ranks.columns else baselines)[name]
        assert own["recall@20"] == pytest.approx((column <= 20).mean())
    assert results["two"]["epochs"] == 2
    assert results["two"]["parameters"]["loss"]["name"] == "bce"
    assert 0 < results["two"]["mrr@20_p"] <= 1


def test_systems_are_ranked_with_the_terms_that_are_fitted_to_the_validation_sessions():
    """Visitors go back to the click before the last, which one epoch does not learn."""
    pairs = np.random.default_rng().integers(1, ITEMS + 1, (200, 2)).astype(np.int32)
    back = PackedSessions(np.tile(pairs, (1, 3)).ravel(), np.arange(0, 1201, 6))
    found = {}
    for calibrate in (False, True):
        ranking = {"ranking": {"calibrate": calibrate}}
        system = SystemParams.model_validate(SMALL | {"training": ONE_EPOCH} | ranking)
        params = BenchmarkParams(systems={"one": system}, subject="one", resamples=100)
        loaders: dict[str, Checkpoint] = {}
        for saved in nodes.train_systems(params, "cpu", back, back, ITEM_TABLE, {}):
            loaders |= {name: (lambda c=c: c) for name, c in saved.items()}
        arguments = EvaluationParams(), "cpu", loaders, ITEM_TABLE, back, back, back
        found[calibrate] = nodes.rank_systems(params, *arguments)
    assert found[True][0]["one"].mean() < found[False][0]["one"].mean()
    assert found[True][2]["one"]["parameters"]["ranking"]["repeat_gains"]
    assert not found[False][2]["one"]["parameters"]["ranking"]["repeat_gains"]


def test_a_sample_has_the_same_events_for_all_and_is_said(trained):
    loaders = {name: (lambda c=c: c) for name, c in trained.items()}
    test, evaluation = sessions(2), EvaluationParams()
    arguments = PARAMS, "cpu", loaders, ITEM_TABLE, sessions(0), sessions(1), test

    def rank(evaluation):
        params, *rest = arguments
        found, _, runs = nodes.rank_systems(params, evaluation, *rest)
        ours = nodes.rank_baselines(evaluation, ITEM_TABLE, sessions(0), test)
        return pl.concat([found, ours], how="horizontal"), runs

    whole, _ = rank(evaluation)
    sampled = evaluation.model_copy(update={"sessions": 12})
    some, runs = rank(sampled)
    numbers = some["session_id"].unique()
    assert len(numbers) == 12
    assert some.equals(whole.filter(pl.col("session_id").is_in(numbers.implode())))
    systems, baselines = some.select("session_id", "one", "two"), some[:, 3:]
    results = nodes.compare_systems(PARAMS, systems, baselines, runs)
    low, high = results["one"]["recall@20_interval"]
    assert low < results["one"]["recall@20"] < high
    table = nodes.tabulate_benchmark("shop", PARAMS, results, STATISTICS)
    counts = STATISTICS | {"test": {"sessions": 30}}
    page = nodes.write_benchmark("shop", PARAMS, sampled, table, counts)
    assert "12 test sessions, drawn at random from 30" in page
    page = nodes.write_benchmark("shop", PARAMS, evaluation, table, counts)
    assert "events of\n30 test sessions, after" in page


def test_the_figure_has_a_line_for_each_system(trained):
    history = pl.DataFrame(
        {
            "system": ["one", "one", "two"],
            "epoch": [1, 2, 1],
            "validation_recall@20": [0.1, 0.2, 0.3],
        }
    )
    figure = nodes.plot_benchmark("shop", history, STATISTICS)
    assert [line.name for line in figure.data] == ["one, validation", "two, validation"]
