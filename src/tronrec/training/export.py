"""From the checkpoint of a training to the file of a model."""

import logging
from datetime import UTC, datetime
from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint, ModelCard
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.evaluation.calibration import calibrate
from tronrec.model_file import ModelFile
from tronrec.params import RankingParams
from tronrec.schemas import COUNT, ITEM
from tronrec.training.history import best_epoch
from tronrec.training.loop import TrainingSessions
from tronrec.training.state import best_model, load_best

logger = logging.getLogger(__name__)


def export_model(
    name: str,
    checkpoint: Checkpoint,
    items: pl.DataFrame,
    *sessions: PackedSessions,
    ranking: RankingParams,
) -> Checkpoint:
    """Return the model of the best epoch of a training, ready to be served.

    Args:
        name: The name of the system.
        checkpoint: The training.
        items: The item index.
        sessions: All sessions up to now, in parts; its terms are counted from them.
        ranking: The ranking terms it is to have.
    """
    state = checkpoint.state
    model, terms = load_best(checkpoint, items.height, *sessions, ranking=ranking)
    epoch = best_epoch(state.history, state.parameters.training.choose_by)
    card = ModelCard(
        system=name,
        parameters=state.parameters.model_copy(update={"ranking": ranking}),
        epoch=epoch,
        validation=state.history[epoch - 1].validation,
        data=state.data,
        trained=datetime.now(UTC),
    )
    counts = items[COUNT].to_numpy()
    return ModelFile(model, terms, items[ITEM], counts, card).checkpoint()


def calibrate_ranking(
    checkpoint: Checkpoint,
    params: RankingParams,
    sessions: TrainingSessions,
    device: str,
) -> dict[str, Any]:
    """Return the ranking terms for the model of the best epoch, and how they came.

    `ranking` are the terms. They are as configured where calibration is off or nothing
    was held out.
    """
    if not params.calibrate or not len(sessions.validation):
        return {"ranking": params.model_dump(mode="json"), "chosen": "configured"}
    model = best_model(checkpoint, sessions.num_items).to(choose_device(device))
    calibration = calibrate(model, params, sessions.fit, sessions.validation)
    for name, trial in calibration.trials.items():
        logger.info("%s: %s, %s", name, trial.params.describe(), trial.metrics)
    logger.info("Ranking terms chosen on validation: %s", calibration.chosen)
    return calibration.record()


def fitted_ranking(
    checkpoint: Checkpoint, sessions: TrainingSessions, device: str
) -> RankingParams:
    """Return the ranking terms for the best epoch: calibrated, or as configured."""
    configured = checkpoint.state.parameters.ranking
    chosen = calibrate_ranking(checkpoint, configured, sessions, device)
    return RankingParams.model_validate(chosen["ranking"])
