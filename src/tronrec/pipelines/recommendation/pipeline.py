"""From raw files of live sessions to the best items for each session."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines import ingestion
from tronrec.pipelines.recommendation import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that recommends to every live session.

    Live clicks are read as those that a model is trained on. `last_recommendations` is
    `recommendations` as an earlier run left it: its parts are not made again.
    """
    read = Pipeline(
        ingestion.create_pipeline(),
        namespace="live",
        inputs={"raw_log": "live_log"},
        parameters={"params:ingestion"},
    )
    name = Node(
        nodes.name_ids,
        inputs=[
            "live.clicks",
            "live.raw_events",
            "live.item_ids",
            "params:ingestion",
        ],
        outputs="live_sessions",
        name="name_ids",
    )
    recommend = Node(
        nodes.recommend_items,
        inputs=[
            "model",
            "live_sessions",
            "params:recommendation",
            "params:device",
            "last_recommendations",
        ],
        outputs=["recommendations", "recommendation_report"],
        name="recommend_items",
    )
    return read + Pipeline([name, recommend])
