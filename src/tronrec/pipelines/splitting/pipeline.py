"""From clicks to training, validation and test clicks."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.splitting import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline of splitting."""
    return Pipeline(
        [
            Node(
                nodes.split_clicks,
                inputs=["filtered_clicks", "params:filtering", "params:splitting"],
                outputs=[
                    "train_clicks",
                    "test_clicks",
                    "splitting_drops",
                    "test_period",
                ],
                name="split_clicks",
            ),
            Node(
                nodes.hold_out_validation,
                inputs=["train_clicks", "params:filtering", "params:splitting"],
                outputs=[
                    "fit_clicks",
                    "validation_clicks",
                    "validation_drops",
                    "validation_period",
                ],
                name="hold_out_validation",
            ),
        ]
    )
