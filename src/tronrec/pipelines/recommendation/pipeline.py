"""From raw files of live sessions to the best items for each session."""

from kedro.pipeline import Node, Pipeline

from tronrec.data.reading.naming import name_ids
from tronrec.pipelines import ingestion
from tronrec.pipelines.recommendation import nodes
from tronrec.pipelines.stages import as_stage


def create_pipeline() -> Pipeline:
    """Return the pipeline that recommends to every live session.

    Live clicks are read as those that a model is trained on. `last_recommendations` is
    `recommendations` as an earlier run left it: its parts are not made again.
    """
    name = Node(
        name_ids,
        inputs=["clicks", "raw_events", "item_ids", "params:ingestion"],
        outputs="sessions",
        name="name_ids",
    )
    read = Pipeline(
        ingestion.create_pipeline() + Pipeline([name]),
        namespace="live",
        inputs={"raw_log": "live_log"},
        outputs={"sessions": "live_sessions"},
        parameters={"params:ingestion"},
        tags="recommendation",
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
    return read + as_stage(Pipeline([recommend]), "recommendation")
