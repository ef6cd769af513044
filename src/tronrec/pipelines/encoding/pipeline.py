"""From clicks to the item index, packed sessions and statistics."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.encoding import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline of encoding."""
    return _encode() + _count()


def _encode() -> Pipeline:
    """Return the nodes that number the items and pack the sessions."""
    return Pipeline(
        [
            Node(
                nodes.index_items,
                inputs=["train_clicks", "item_ids"],
                outputs="items",
                name="index_items",
            ),
            *(
                Node(
                    nodes.encode_sessions,
                    inputs=[f"{part}_clicks", "items", "item_ids"],
                    outputs=f"{part}_sessions",
                    name=f"encode_{part}_sessions",
                )
                for part in ("fit", "validation", "test")
            ),
        ]
    )


def _count() -> Pipeline:
    """Return the nodes that count what became of the clicks."""
    return Pipeline(
        [
            Node(
                nodes.count_statistics,
                inputs=[
                    "train_clicks",
                    "fit_clicks",
                    "validation_clicks",
                    "test_clicks",
                ],
                outputs="statistics",
                name="count_statistics",
            ),
            Node(
                nodes.count_days,
                inputs=[
                    "clicks",
                    "fit_clicks",
                    "validation_clicks",
                    "test_clicks",
                    "validation_period",
                    "test_period",
                ],
                outputs="days",
                name="count_days",
            ),
            Node(
                nodes.account_for_clicks,
                inputs=[
                    "ingestion_report",
                    "clicks",
                    "filtered_clicks",
                    "train_clicks",
                    "fit_clicks",
                    "validation_clicks",
                    "test_clicks",
                    "filtering_drops",
                    "splitting_drops",
                    "validation_drops",
                ],
                outputs="preparation_report",
                name="account_for_clicks",
            ),
        ]
    )
