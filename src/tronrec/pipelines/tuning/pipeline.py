"""From packed sessions to the system `tuned`; the test sessions have no part in it."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines.tuning import nodes

SHARED = "shared"
"""The tag of nodes whose outputs several runs may write at once: each writes the same,
from the whole study."""

PLOTS = ("history", "importances", "slices", "parallel", "pareto")


def create_pipeline() -> Pipeline:
    """Return the pipeline that searches, and writes down what it found.

    The study itself is in `study_storage`: a run goes on where earlier ones ended, and
    several runs at once share the trials.
    """
    return Pipeline(
        [
            Node(
                nodes.open_study,
                inputs=[
                    "study_storage",
                    "params:tuning",
                    "params:model",
                    "params:sampling",
                    "params:loss",
                    "params:training",
                    "params:ranking",
                    "fit_sessions",
                    "validation_sessions",
                ],
                outputs="study",
                name="open_study",
            ),
            Node(
                nodes.run_trials,
                inputs=[
                    "study",
                    "params:device",
                    "fit_sessions",
                    "validation_sessions",
                    "items",
                ],
                outputs="searched_study",
                name="run_trials",
            ),
            Node(
                nodes.tabulate_trials,
                inputs="searched_study",
                outputs="trials",
                tags=SHARED,
                name="tabulate_trials",
            ),
            Node(
                nodes.choose_system,
                inputs=["trials", "params:tuning"],
                outputs="tuned_system",
                tags=SHARED,
                name="choose_system",
            ),
            Node(
                nodes.plot_study,
                inputs="searched_study",
                outputs={plot: f"tuning_{plot}" for plot in PLOTS},
                tags=SHARED,
                name="plot_study",
            ),
        ]
    )
