"""From packed sessions to a trained model."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.training import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that trains, epoch by epoch, and keeps the best model.

    `last_checkpoint` is `checkpoint` as an earlier, interrupted run left it.
    """
    return Pipeline(
        [
            Node(
                nodes.collect_system,
                inputs=[
                    "params:model",
                    "params:sampling",
                    "params:loss",
                    "params:training",
                ],
                outputs="system",
                name="collect_system",
            ),
            Node(
                nodes.train_model,
                inputs=[
                    "system",
                    "fit_sessions",
                    "validation_sessions",
                    "items",
                    "last_checkpoint",
                    "params:device",
                ],
                outputs=["history", "checkpoint"],
                name="train_model",
            ),
            Node(
                nodes.select_model,
                inputs=["system", "checkpoint", "items"],
                outputs="model",
                name="select_model",
            ),
        ]
    )
