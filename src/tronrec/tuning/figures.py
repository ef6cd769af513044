"""Optuna's plots of a study, ready for the catalog and Kedro-Viz."""

import warnings
from collections.abc import Callable

import plotly.graph_objects as go
from optuna import Study, create_study, create_trial, visualization
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

DIRECTIONS = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE)
"""Of accuracy and of training time."""
COMPARABLE = 2
"""Trials without which nothing can be compared."""


def plot_study(study: Study, metric: str) -> dict[str, go.Figure]:
    """Return the plots by name; one that needs more trials says so instead."""
    label, seconds = f"Validation {metric}", "Seconds of training"
    accuracy, both = _copy(study, _accuracy), _copy(study, _accuracy, _seconds)
    plots: dict[str, Callable[[], go.Figure]] = {
        "history": lambda: visualization.plot_optimization_history(
            accuracy, target_name=label
        ),
        "importances": lambda: visualization.plot_param_importances(
            accuracy, target_name=label
        ),
        "slices": lambda: visualization.plot_slice(accuracy, target_name=label),
        "parallel": lambda: visualization.plot_parallel_coordinate(
            accuracy, target_name=label
        ),
        "pareto": lambda: visualization.plot_pareto_front(
            both, target_names=[label, seconds]
        ),
    }
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < COMPARABLE:
        return {name: _too_few() for name in plots}
    with warnings.catch_warnings():
        # The importances of a small study are rough; Optuna says so for each of them.
        warnings.simplefilter("ignore", UserWarning)
        return {name: plot() for name, plot in plots.items()}


def _copy(study: Study, *values: Callable[[FrozenTrial], float]) -> Study:
    """Return the trials, under their numbers, in a study of other values.

    The first value is better the larger it is, a second one the smaller. Importances
    need a study for that: for a target of a plot they take small values to be good.
    """
    copy = create_study(directions=DIRECTIONS[: len(values)])
    for trial in study.get_trials():
        complete = trial.state == TrialState.COMPLETE
        measured = [value(trial) for value in values] if complete else None
        copy.add_trial(
            create_trial(
                state=TrialState.COMPLETE if complete else TrialState.FAIL,
                values=measured,
                params=trial.params,
                distributions=trial.distributions,
            )
        )
    return copy


def _accuracy(trial: FrozenTrial) -> float:
    return float(trial.values[0])


def _seconds(trial: FrozenTrial) -> float:
    return float(trial.user_attrs["seconds"])


def _too_few() -> go.Figure:
    """Return an empty figure that says why."""
    text = f"Needs {COMPARABLE} complete trials"
    return go.Figure().add_annotation(text=text, showarrow=False)
