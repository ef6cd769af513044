"""From a seed to raw files."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.simulation import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that writes a simulated raw log, and titles of its items."""
    return Pipeline(
        [
            Node(
                nodes.simulate_raw_log,
                inputs=["params:simulation"],
                outputs="raw_log",
                name="simulate_raw_log",
            ),
            Node(
                nodes.describe_items,
                inputs=["params:simulation"],
                outputs="item_details",
                name="describe_items",
            ),
        ]
    )
