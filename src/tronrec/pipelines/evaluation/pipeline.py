"""From a trained model to its metrics on the test sessions."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.evaluation import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that ranks every test event; the only one to see the test."""
    return Pipeline(
        [
            Node(
                nodes.measure_model,
                inputs=[
                    "model",
                    "items",
                    "fit_sessions",
                    "test_sessions",
                    "params:evaluation",
                    "params:device",
                ],
                outputs=["model_metrics", "model_test_ranks", "best_ranks"],
                name="evaluate_model",
            ),
            Node(
                nodes.evaluate_baselines,
                inputs=[
                    "items",
                    "fit_sessions",
                    "test_sessions",
                    "params:evaluation",
                ],
                outputs=["baseline_metrics", "baseline_test_ranks"],
                name="evaluate_baselines",
            ),
            Node(
                nodes.draw_examples,
                inputs=["model", "test_sessions", "item_details", "params:device"],
                outputs="examples",
                name="draw_examples",
            ),
            Node(
                nodes.collect_metrics,
                inputs=[
                    "model_metrics",
                    "baseline_metrics",
                    "model_test_ranks",
                    "baseline_test_ranks",
                ],
                outputs="metrics",
                name="collect_metrics",
            ),
        ]
    )
