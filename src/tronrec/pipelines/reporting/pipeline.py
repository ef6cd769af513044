"""From the measurement and the history of training to pages for people."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.reporting import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that writes tables, figures and record of a run."""
    return _summarise() + _report() + _record()


def _summarise() -> Pipeline:
    """Return the nodes that write the tables, the curve and the summary."""
    return Pipeline(
        [
            Node(
                nodes.collect_parameters,
                inputs=[
                    "metrics",
                    "params:filtering",
                    "params:splitting",
                    "params:evaluation",
                ],
                outputs="run_parameters",
                name="collect_parameters",
            ),
            Node(
                nodes.plot_recall,
                inputs=["dataset_name", "run_parameters", "history", "statistics"],
                outputs="recall_curve",
                name="plot_recall",
            ),
            Node(
                nodes.tabulate_statistics,
                inputs=["dataset_name", "statistics"],
                outputs="statistics_table",
                name="tabulate_statistics",
            ),
            Node(
                nodes.write_summary,
                inputs=[
                    "dataset_name",
                    "run_parameters",
                    "metrics",
                    "history",
                    "statistics",
                    "ingestion_report",
                    "preparation_report",
                    "validation_period",
                    "test_period",
                ],
                outputs="summary",
                name="write_summary",
            ),
        ]
    )


def _report() -> Pipeline:
    """Return the nodes that analyse the test events and write the report."""
    return Pipeline(
        [
            Node(
                nodes.analyse_test,
                inputs=[
                    "test_clicks",
                    "train_clicks",
                    "items",
                    "item_ids",
                    "model_test_ranks",
                    "baseline_test_ranks",
                    "best_ranks",
                    "params:evaluation",
                ],
                outputs="test_analysis",
                name="analyse_test",
            ),
            Node(
                nodes.collect_report,
                inputs=[
                    "dataset_name",
                    "statistics",
                    "metrics",
                    "history",
                    "fit_sessions",
                    "items",
                    "preparation_report",
                    "days",
                    "test_analysis",
                    "examples",
                ],
                outputs="report_numbers",
                name="collect_report",
            ),
            Node(
                nodes.write_report,
                inputs="report_numbers",
                outputs="report",
                name="write_report",
            ),
        ]
    )


def _record() -> Pipeline:
    """Return the nodes that keep what the run was, and its files."""
    return Pipeline(
        [
            Node(
                nodes.record_run,
                inputs=[
                    "dataset_name",
                    "run_parameters",
                    "metrics",
                    "history",
                    "fit_sessions",
                    "validation_sessions",
                    "test_sessions",
                ],
                outputs="run",
                name="record_run",
            ),
            Node(
                nodes.collect_files,
                inputs=[
                    "run",
                    "summary",
                    "report",
                    "report_numbers",
                    "history",
                    "model_test_ranks",
                ],
                outputs="runs",
                name="keep_run",
            ),
        ]
    )
