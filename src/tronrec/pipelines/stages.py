"""The stages of a pipeline: boxes in Kedro-Viz, and tags on the command line."""

from kedro.pipeline import Pipeline


def as_stage(pipeline: Pipeline, name: str) -> Pipeline:
    """Return a pipeline whose nodes are those of a stage.

    Args:
        pipeline: Its data sets keep their names.
        name: Prefix and tag of the nodes.
    """
    return Pipeline(
        pipeline, namespace=name, prefix_datasets_with_namespace=False, tags=name
    )
