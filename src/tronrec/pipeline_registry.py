"""The verbs that `kedro run --pipelines` knows: one pipeline a verb and data set.

Each node has its stage as a tag: `kedro run --pipelines=train_otto --tags=training`.

The pipelines are imported by name, not found by Kedro: `find_pipelines()` would look
for a folder named like the requested pipeline, `train_otto`, and fail.
"""

from types import ModuleType

from kedro.pipeline import Pipeline

from tronrec.pipelines import (
    benchmark,
    encoding,
    evaluation,
    experiment,
    filtering,
    ingestion,
    recommendation,
    reporting,
    simulation,
    splitting,
    training,
    tuning,
)
from tronrec.systems import DATASETS, PUBLISHED


def register_pipelines() -> dict[str, Pipeline]:
    """Return every verb on every data set; the main job, `train_otto`, by default."""
    prepare = (
        _stage(ingestion) + _stage(filtering) + _stage(splitting) + _stage(encoding)
    )
    evaluate = _stage(evaluation) + _stage(reporting)
    verbs = {
        "prepare": prepare,
        "train": prepare + _stage(training) + evaluate,
        "evaluate": evaluate,
        "tune": prepare + _stage(tuning),
        "benchmark": prepare + _stage(benchmark),
        "recommend": _stage(recommendation),
        "simulate": _stage(simulation),
        "experiment": _stage(experiment),
        "simulate_experiment": experiment.create_simulation(),
        "plan_experiment": experiment.create_planning(),
        "replay_experiment": prepare + experiment.create_replay(),
    }
    # Nobody has the logs of a test on published clicks.
    replayed = {"experiment": verbs["replay_experiment"] + verbs["experiment"]}
    pipelines = {
        f"{verb}_{dataset}": Pipeline(pipeline, namespace=dataset)
        for dataset in DATASETS
        for verb, pipeline in (
            verbs | (replayed if dataset in PUBLISHED else {})
        ).items()
    }
    return pipelines | {"__default__": pipelines["train_otto"]}


def _stage(module: ModuleType) -> Pipeline:
    """Return the pipeline of a stage, with the stage's name as a tag of its nodes."""
    _, _, name = module.__name__.rpartition(".")
    return Pipeline(module.create_pipeline(), tags=name)
