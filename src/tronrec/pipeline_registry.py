"""The verbs that `kedro run --pipelines` knows: one pipeline a verb and data set.

The configuration names the data sets: see `tronrec.config`.

Each node belongs to a stage, part of its name, `otto.training.train_model`, and a tag:
`kedro run --pipelines=train_otto --tags=training`. Data are named without it.

The pipelines are imported by name, not found by Kedro: `find_pipelines()` would look
for a folder named like the requested pipeline, `train_otto`, and fail.
"""

from collections.abc import Collection, Sequence
from types import ModuleType
from typing import Any

from kedro.pipeline import Pipeline

from tronrec.config import SystemConfigLoader
from tronrec.errors import UserError
from tronrec.pipelines import (
    benchmark,
    encoding,
    evaluation,
    experiment,
    filtering,
    ingestion,
    recommendation,
    refreshing,
    reporting,
    simulation,
    splitting,
    training,
    tuning,
)
from tronrec.pipelines.stages import as_stage


def register_pipelines() -> dict[str, Pipeline]:
    """Return every verb on every data set of the configuration in use."""
    config = SystemConfigLoader.in_use
    if config is None:
        config = SystemConfigLoader.open()
    return create_pipelines(config.datasets, config.replayed)


def create_pipelines(
    datasets: Sequence[str], replayed: Collection[str] = ()
) -> dict[str, Pipeline]:
    """Return every verb on every data set; the main job, `train_otto`, by default.

    Args:
        datasets: The names of the data sets.
        replayed: Those on which `experiment` replays the online test first.

    Raises:
        UserError: A verb on one data set is called as another verb on another one.
    """
    verbs = _verbs()
    on_replayed = verbs | {
        "experiment": verbs["replay_experiment"] + verbs["experiment"]
    }
    pipelines: dict[str, Pipeline] = {}
    for dataset in datasets:
        known = on_replayed if dataset in replayed else verbs
        for verb, pipeline in known.items():
            name = f"{verb}_{dataset}"
            if name in pipelines:
                raise UserError(
                    f"{dataset} in the catalog: its pipeline {name} is also a verb of "
                    "another data set; rename one of them"
                )
            pipelines[name] = Pipeline(pipeline, namespace=dataset)
    main = "otto" if "otto" in datasets else next(iter(datasets), None)
    return pipelines | ({"__default__": pipelines[f"train_{main}"]} if main else {})


def _verbs() -> dict[str, Pipeline]:
    prepare = _prepare(measures=True)
    evaluate = _stage(evaluation) + _stage(reporting)
    return {
        "prepare": _prepare(measures=False),
        "train": prepare + _stage(training) + evaluate,
        "evaluate": evaluate,
        "tune": prepare + _stage(tuning),
        "benchmark": prepare + _stage(benchmark),
        "recommend": recommendation.create_pipeline(),
        "refresh": refreshing.create_pipeline(),
        "simulate": _stage(simulation),
        "experiment": _stage(experiment),
        "simulate_experiment": as_stage(experiment.create_simulation(), "experiment"),
        "plan_experiment": as_stage(experiment.create_planning(), "experiment"),
        "replay_experiment": prepare + as_stage(experiment.create_replay(), "replay"),
    }


def _prepare(*, measures: bool) -> Pipeline:
    split = _stage(splitting, measures=measures)
    return _stage(ingestion) + _stage(filtering) + split + _stage(encoding)


def _stage(module: ModuleType, **options: Any) -> Pipeline:
    """Return the pipeline of a stage, whose name is that of its module."""
    _, _, name = module.__name__.rpartition(".")
    return as_stage(module.create_pipeline(**options), name)
