"""The verbs that `kedro run --pipelines` knows: one pipeline a verb and data set.

The pipelines are imported by name, not found by Kedro: `find_pipelines()` would look
for a folder named like the requested pipeline, `train_otto`, and fail.
"""

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
from tronrec.systems import DATASETS


def register_pipelines() -> dict[str, Pipeline]:
    """Return every verb on every data set; the main job, `train_otto`, by default."""
    prepare = (
        ingestion.create_pipeline()
        + filtering.create_pipeline()
        + splitting.create_pipeline()
        + encoding.create_pipeline()
    )
    evaluate = evaluation.create_pipeline() + reporting.create_pipeline()
    verbs = {
        "prepare": prepare,
        "train": prepare + training.create_pipeline() + evaluate,
        "evaluate": evaluate,
        "tune": prepare + tuning.create_pipeline(),
        "benchmark": prepare + benchmark.create_pipeline(),
        "recommend": recommendation.create_pipeline(),
        "simulate": simulation.create_pipeline(),
        "experiment": experiment.create_pipeline(),
        "simulate_experiment": experiment.create_simulation(),
    }
    pipelines = {
        f"{verb}_{dataset}": Pipeline(pipeline, namespace=dataset)
        for dataset in DATASETS
        for verb, pipeline in verbs.items()
    }
    return pipelines | {"__default__": pipelines["train_otto"]}
