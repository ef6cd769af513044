"""From raw files to clicks, with an account of what was read."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.ingestion import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline of ingestion."""
    return Pipeline(
        [
            Node(
                nodes.read_events,
                inputs=["raw_log"],
                outputs="raw_events",
                name="read_events",
            ),
            Node(
                nodes.count_events,
                inputs=["raw_log", "raw_events"],
                outputs="ingestion_report",
                name="count_events",
            ),
            Node(
                nodes.sort_clicks,
                inputs=["raw_events"],
                outputs="clicks",
                name="sort_clicks",
            ),
        ]
    )
