"""From a seed to raw files."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.simulation import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that writes a simulated raw log."""
    return Pipeline(
        [
            Node(
                nodes.simulate_raw_log,
                inputs=["params:simulation"],
                outputs="raw_log",
                name="simulate_raw_log",
            ),
        ]
    )
