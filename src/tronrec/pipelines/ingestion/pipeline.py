"""From raw files to clicks, with an account of what was read."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.ingestion import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline of ingestion."""
    return Pipeline(
        [
            Node(
                nodes.read_events,
                inputs=["raw_log", "params:ingestion"],
                outputs="raw_events",
                name="read_events",
            ),
            Node(
                nodes.find_bad_lines,
                inputs=["raw_events"],
                outputs="bad_lines",
                name="find_bad_lines",
            ),
            Node(
                nodes.list_item_ids,
                inputs=["raw_events"],
                outputs="item_ids",
                name="list_item_ids",
            ),
            Node(
                nodes.group_sessions,
                inputs=["raw_events", "item_ids", "params:ingestion"],
                outputs="grouped_clicks",
                name="group_sessions",
            ),
            Node(
                nodes.account_for_events,
                inputs=["raw_log", "raw_events", "grouped_clicks", "params:ingestion"],
                outputs="ingestion_report",
                name="account_for_events",
            ),
            Node(
                nodes.sort_clicks,
                inputs=["grouped_clicks", "params:ingestion"],
                outputs="clicks",
                name="sort_clicks",
            ),
        ]
    )
