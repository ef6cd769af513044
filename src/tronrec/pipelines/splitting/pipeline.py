"""From clicks to training, validation and test clicks."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.splitting import nodes


def create_pipeline(*, measures: bool = True) -> Pipeline:
    """Return the pipeline of splitting.

    Args:
        measures: Whether a model will be chosen and measured on the periods, so that
            one that is too small stops the run.
    """
    split: Callable[..., Any] = nodes.split_clicks
    hold_out: Callable[..., Any] = nodes.hold_out_validation
    if measures:
        split = nodes.split_clicks_to_measure
        hold_out = nodes.hold_out_validation_to_measure
    return Pipeline(
        [
            Node(
                split,
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
                hold_out,
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
