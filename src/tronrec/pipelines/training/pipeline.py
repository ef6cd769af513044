"""From packed sessions to a trained model."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.training import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that trains, epoch by epoch, and keeps the best model.

    `last_checkpoints` are `checkpoint` as an earlier, interrupted run left it, and
    those of trainings with other parameters.
    """
    return Pipeline(
        [
            Node(
                nodes.train_model,
                inputs=[
                    "params:model",
                    "params:sampling",
                    "params:loss",
                    "params:training",
                    "params:ranking",
                    "params:device",
                    "params:parallel",
                    "fit_sessions",
                    "validation_sessions",
                    "items",
                    "last_checkpoints",
                ],
                outputs=["history", "checkpoint"],
                name="train_model",
            ),
            Node(
                nodes.calibrate_ranking,
                inputs=[
                    "checkpoint",
                    "params:ranking",
                    "items",
                    "fit_sessions",
                    "validation_sessions",
                    "params:device",
                ],
                outputs="calibration",
                name="calibrate_ranking",
            ),
            Node(
                nodes.select_model,
                inputs=[
                    "params:system",
                    "checkpoint",
                    "calibration",
                    "items",
                    "fit_sessions",
                    "validation_sessions",
                ],
                outputs="model",
                name="select_model",
            ),
        ]
    )
