"""From packed sessions to Table 2: systems trained one by one, and ranked once."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.benchmark import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that compares systems.

    `last_benchmark_checkpoints` is `benchmark_checkpoints` as an earlier run left it:
    finished systems are not trained again, an interrupted one goes on.
    """
    return _measure() + _report()


def _measure() -> Pipeline:
    """Return the nodes that train systems and rank the test events."""
    return Pipeline(
        [
            Node(
                nodes.train_systems,
                inputs=[
                    "params:benchmark",
                    "params:device",
                    "fit_sessions",
                    "validation_sessions",
                    "items",
                    "last_benchmark_checkpoints",
                ],
                outputs="benchmark_checkpoints",
                name="train_systems",
            ),
            Node(
                nodes.rank_systems,
                inputs=[
                    "params:benchmark",
                    "params:evaluation",
                    "params:device",
                    "benchmark_checkpoints",
                    "items",
                    "fit_sessions",
                    "validation_sessions",
                    "test_sessions",
                ],
                outputs=["benchmark_ranks", "benchmark_history", "benchmark_runs"],
                name="rank_systems",
            ),
            Node(
                nodes.rank_baselines,
                inputs=["params:evaluation", "items", "fit_sessions", "test_sessions"],
                outputs="baseline_ranks",
                name="rank_baselines",
            ),
        ]
    )


def _report() -> Pipeline:
    """Return the nodes that compare the ranks, and write table, page and figure."""
    return Pipeline(
        [
            Node(
                nodes.compare_systems,
                inputs=[
                    "params:benchmark",
                    "benchmark_ranks",
                    "baseline_ranks",
                    "benchmark_runs",
                ],
                outputs="benchmark_results",
                name="compare_systems",
            ),
            Node(
                nodes.tabulate_benchmark,
                inputs=[
                    "dataset_name",
                    "params:benchmark",
                    "benchmark_results",
                    "statistics",
                ],
                outputs="benchmark_table",
                name="tabulate_benchmark",
            ),
            Node(
                nodes.write_benchmark,
                inputs=[
                    "dataset_name",
                    "params:benchmark",
                    "params:evaluation",
                    "benchmark_table",
                    "statistics",
                ],
                outputs="benchmark_page",
                name="write_benchmark",
            ),
            Node(
                nodes.plot_benchmark,
                inputs=["dataset_name", "benchmark_history", "statistics"],
                outputs="benchmark_curve",
                name="plot_benchmark",
            ),
        ]
    )
