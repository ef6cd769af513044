"""The nodes of tuning; torch and Optuna are imported when one of them runs."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from tronrec.data.packed import PackedSessions
from tronrec.params import (
    LossParams,
    ModelParams,
    RankingParams,
    SamplingParams,
    SystemParams,
    TrainingParams,
    TuningParams,
)
from tronrec.tuning.storage import OpenedStudy, StudyStorage


def open_study(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    storage: StudyStorage,
    tuning: TuningParams,
    model: ModelParams,
    sampling: SamplingParams,
    loss: LossParams,
    training: TrainingParams,
    ranking: RankingParams,
    fit: PackedSessions,
    validation: PackedSessions,
) -> OpenedStudy:
    """Return the study, new or as earlier runs left it."""
    from tronrec.tuning import study

    system = SystemParams(
        model=model, sampling=sampling, loss=loss, training=training, ranking=ranking
    )
    return study.open_study(storage, tuning, system, fit, validation)


def run_trials(
    study: OpenedStudy,
    device: str,
    fit: PackedSessions,
    validation: PackedSessions,
    items: pl.DataFrame,
) -> OpenedStudy:
    """Run trials until the budget is used, and return the study."""
    from tronrec.device import choose_device
    from tronrec.training.loop import TrainingSessions
    from tronrec.tuning.objective import choose_train
    from tronrec.tuning.search import Search

    data = TrainingSessions(fit, validation, items.height)
    Search(study, choose_train(study.params, data, choose_device(device))).run()
    return study


def tabulate_trials(study: OpenedStudy) -> pl.DataFrame:
    """Return a row for each trial."""
    from tronrec.tuning import results

    return results.tabulate_trials(study.load())


def choose_system(trials: pl.DataFrame, tuning: TuningParams) -> dict[str, Any]:
    """Return the parameters that `system: tuned` stands for."""
    from tronrec.tuning import results

    return results.choose_system(trials, tuning)


def plot_study(study: OpenedStudy) -> dict[str, go.Figure]:
    """Return Optuna's plots of the study."""
    from tronrec.tuning import figures

    return figures.plot_study(study.load(), study.params.metric)
