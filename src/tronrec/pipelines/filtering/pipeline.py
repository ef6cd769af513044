"""From all clicks to those that are kept."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.filtering import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline of filtering."""
    return Pipeline(
        [
            Node(
                nodes.filter_clicks,
                inputs=[
                    "clicks",
                    "params:filtering",
                    "params:splitting.since",
                    "params:splitting.until",
                ],
                outputs=["filtered_clicks", "filtering_drops"],
                name="filter_clicks",
            ),
        ]
    )
