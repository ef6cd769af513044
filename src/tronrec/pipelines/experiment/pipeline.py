"""From the logs of a test to Figure 2, and from planned uplifts to logs."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.experiment import nodes


def create_simulation() -> Pipeline:
    """Return the pipeline that makes up the logs of a test with planned uplifts."""
    return Pipeline(
        [
            Node(
                nodes.simulate_test,
                inputs=["params:experiment", "params:simulated_test"],
                outputs=["exposures", "outcomes", "experiment_truth"],
                name="simulate_test",
            ),
        ]
    )


def create_pipeline() -> Pipeline:
    """Return the pipeline that analyses the logs of a test.

    `experiment_truth` is what a simulation knows; a real test has none.
    """
    return Pipeline(
        [
            Node(
                nodes.read_logs,
                inputs=["params:experiment", "exposures", "outcomes"],
                outputs=["visitor_days", "experiment_account"],
                name="read_logs",
            ),
            Node(
                nodes.measure_uplifts,
                inputs=["params:experiment", "visitor_days", "experiment_account"],
                outputs="experiment_results",
                name="measure_uplifts",
            ),
            Node(
                nodes.tabulate_uplifts,
                inputs=["experiment_results", "experiment_truth"],
                outputs="uplift_table",
                name="tabulate_uplifts",
            ),
            Node(
                nodes.write_experiment,
                inputs=[
                    "dataset_name",
                    "experiment_results",
                    "experiment_account",
                    "experiment_truth",
                ],
                outputs="experiment_page",
                name="write_experiment",
            ),
            Node(
                nodes.plot_uplifts,
                inputs=["dataset_name", "experiment_results", "experiment_truth"],
                outputs="uplift_figure",
                name="plot_uplifts",
            ),
            Node(
                nodes.plot_days,
                inputs=["dataset_name", "experiment_results"],
                outputs="uplift_days_figure",
                name="plot_days",
            ),
        ]
    )
