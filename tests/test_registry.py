import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import get_type_hints

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from tronrec.errors import UserError
from tronrec.params import SystemParams, TrainingParams
from tronrec.pipeline_registry import create_pipelines, register_pipelines

DATASETS = ("diginetica", "yoochoose", "otto", "shop")

Run = Callable[..., CompletedProcess[str]]

VERBS = (
    "prepare",
    "train",
    "evaluate",
    "tune",
    "benchmark",
    "recommend",
    "refresh",
    "simulate",
    "experiment",
    "simulate_experiment",
    "replay_experiment",
    "plan_experiment",
)


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Pipeline]:
    return register_pipelines()


@pytest.fixture(scope="module")
def catalog(project: Path) -> DataCatalog:
    bootstrap_project(project)
    with KedroSession.create(
        project,
        env="sample",
        runtime_params={"otto": {"training": {"epochs": 2}}},
    ) as session:
        return session.load_context().catalog


def test_every_verb_exists_for_every_data_set(pipelines: dict[str, Pipeline]) -> None:
    names = {f"{verb}_{dataset}" for verb in VERBS for dataset in DATASETS}
    assert set(pipelines) == names | {"__default__"}
    assert pipelines["__default__"] is pipelines["train_otto"]


@pytest.mark.parametrize(
    ("datasets", "main"),
    [(["a", "otto"], "train_otto"), (["b", "a"], "train_b")],
)
def test_any_name_has_every_verb(datasets: list[str], main: str) -> None:
    pipelines = create_pipelines(datasets)
    assert len(pipelines) == len(VERBS) * len(datasets) + 1
    assert pipelines["__default__"] is pipelines[main]


def test_no_data_set_has_no_pipeline() -> None:
    assert create_pipelines([]) == {}


def test_a_pipeline_means_one_thing() -> None:
    problem = "pipeline simulate_experiment_a is also a verb of another data set"
    with pytest.raises(UserError, match=problem):
        create_pipelines(["a", "experiment_a"])


def test_the_online_test_is_replayed_where_nobody_has_its_logs(
    pipelines: dict[str, Pipeline],
) -> None:
    for dataset in DATASETS:
        nodes = {node.name for node in pipelines[f"experiment_{dataset}"].nodes}
        replays = f"{dataset}.replay.replay_test" in nodes
        assert replays == (dataset != "shop")


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_verb_needs_what_can_be_had(
    pipelines: dict[str, Pipeline], catalog: DataCatalog, dataset: str
) -> None:
    for verb in VERBS:
        for name in pipelines[f"{verb}_{dataset}"].inputs():
            assert name in catalog


@pytest.mark.parametrize("dataset", DATASETS)
def test_prepare_starts_from_raw_files_alone(
    pipelines: dict[str, Pipeline], dataset: str
) -> None:
    inputs = pipelines[f"prepare_{dataset}"].inputs()
    assert {name for name in inputs if not name.startswith("params:")} == {
        f"{dataset}.raw_log"
    }


def test_the_types_of_every_node_can_be_read(pipelines: dict[str, Pipeline]) -> None:
    """Kedro passes a parameter as a bare dict, quietly, where it cannot read a type."""
    for verb in ("train", "simulate", "tune", "recommend", "refresh"):
        for node in pipelines[f"{verb}_otto"].nodes:
            assert get_type_hints(node.func)


@pytest.mark.parametrize(
    ("verb", "node"), [("train", "training.train_model"), ("tune", "tuning.open_study")]
)
def test_a_training_and_a_trial_get_every_block_of_a_system(
    pipelines: dict[str, Pipeline], verb: str, node: str
) -> None:
    (made,) = pipelines[f"{verb}_otto"].only_nodes(f"otto.{node}").nodes
    assert {f"params:otto.{name}" for name in SystemParams.model_fields} <= {
        *made.inputs
    }


def test_nodes_get_typed_parameters(catalog: DataCatalog) -> None:
    training = catalog.load("params:otto.training")
    assert isinstance(training, TrainingParams)
    assert training.epochs == 2


@pytest.mark.parametrize(
    ("verb", "ending"),
    [
        ("prepare", ""),
        *((verb, "_to_measure") for verb in ("train", "tune", "benchmark")),
    ],
)
def test_only_what_is_measured_on_may_be_too_small(
    pipelines: dict[str, Pipeline], verb: str, ending: str
) -> None:
    for name in ("split_clicks", "hold_out_validation"):
        (node,) = pipelines[f"{verb}_otto"].only_nodes(f"otto.splitting.{name}").nodes
        assert node.func.__name__ == name + ending


def test_listing_the_pipelines_loads_nothing_heavy(python: Run) -> None:
    code = (
        "import json, sys\n"
        "from tronrec.pipeline_registry import register_pipelines\n"
        "register_pipelines()\n"
        "heavy = 'torch', 'scipy', 'optuna', 'statsmodels', 'pandas'\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    assert json.loads(python("-c", code).stdout) == []


def test_tags_select_stages(pipelines: dict[str, Pipeline]) -> None:
    train = pipelines["train_otto"]
    training = {node.name for node in train.only_nodes_with_tags("training").nodes}
    assert "otto.training.train_model" in training
    assert "otto.evaluation.evaluate_model" not in training
    stages = "ingestion filtering splitting encoding training evaluation reporting"
    assert train.only_nodes_with_tags(*stages.split()).nodes == train.nodes


def test_each_stage_is_one_box_in_kedro_viz(pipelines: dict[str, Pipeline]) -> None:
    stages = {node.namespace for node in pipelines["train_otto"].nodes}
    names = "ingestion filtering splitting encoding training evaluation reporting"
    assert stages == {f"otto.{name}" for name in names.split()}


LAYERS = ["raw", "intermediate", "primary", "model_input"]
LAYERS += ["models", "model_output", "reporting"]


def test_layers_go_one_way(
    pipelines: dict[str, Pipeline], catalog: DataCatalog
) -> None:
    """Kedro-Viz shows none if an arrow goes back, also of a namespace as one box."""

    def layer(name: str) -> int | None:
        dataset = catalog.get(name) if name in catalog else None
        viz = (getattr(dataset, "metadata", None) or {}).get("kedro-viz", {})
        return LAYERS.index(viz["layer"]) if "layer" in viz else None

    for verb in ("prepare", "train", "evaluate", "benchmark", "refresh", "experiment"):
        pipeline = pipelines[f"{verb}_otto"]
        arrows = [(node.inputs, node.outputs) for node in pipeline.nodes]
        boxes = {space for node in pipeline.nodes for space in node.namespace_prefixes}
        for box in map(pipeline.only_nodes_with_namespaces, ([name] for name in boxes)):
            left = (pipeline - box).inputs() & box.all_outputs()
            arrows.append(([*box.inputs()], [*(box.outputs() | left)]))
        for inputs, outputs in arrows:
            before = [layer(n) for n in inputs if layer(n) is not None]
            after = [layer(n) for n in outputs if layer(n) is not None]
            assert max(before, default=0) <= min(after, default=len(LAYERS)), outputs
