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


def create_planning() -> Pipeline:
    """Return the pipeline that tells how large a test has to be."""
    return Pipeline(
        [
            Node(
                nodes.plan_test,
                inputs=["params:experiment", "exposures", "outcomes"],
                outputs="experiment_plan",
                name="plan_test",
            ),
            Node(
                nodes.write_plan,
                inputs=["dataset_name", "experiment_plan"],
                outputs="experiment_plan_page",
                name="write_plan",
            ),
        ]
    )


def create_replay() -> Pipeline:
    """Return the pipeline that trains systems and tests them on the test sessions.

    `last_experiment_checkpoints` is `experiment_checkpoints` as an earlier run left it.
    """
    return Pipeline(
        [
            Node(
                nodes.train_groups,
                inputs=[
                    "params:experiment",
                    "params:replayed_test",
                    "params:benchmark",
                    "params:device",
                    "fit_sessions",
                    "validation_sessions",
                    "items",
                    "last_experiment_checkpoints",
                ],
                outputs="experiment_checkpoints",
                name="train_groups",
            ),
            Node(
                nodes.replay_test,
                inputs=[
                    "params:experiment",
                    "params:replayed_test",
                    "params:device",
                    "experiment_checkpoints",
                    "items",
                    "fit_sessions",
                    "validation_sessions",
                    "test_sessions",
                    "test_clicks",
                ],
                outputs=["exposures", "outcomes", "experiment_truth"],
                name="replay_test",
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
