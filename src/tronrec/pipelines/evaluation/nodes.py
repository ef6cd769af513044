"""The nodes of evaluation; torch is imported when one of them runs."""

from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.params import EvaluationParams
from tronrec.schemas import COUNT, ITEM


def measure_model(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    model: Checkpoint,
    items: pl.DataFrame,
    fit: PackedSessions,
    test: PackedSessions,
    params: EvaluationParams,
    device: str,
) -> dict[str, Any]:
    """Return the metrics of the model over all events of the test sessions.

    Raises:
        UserError: The sessions are not of the preparation that it was trained on.
    """
    from tronrec.evaluation.model import evaluate_model
    from tronrec.model_file import ModelFile

    file = ModelFile.read(model)
    file.check_data(items[ITEM], fit)
    return evaluate_model(file, test, params, device)


def evaluate_baselines(
    items: pl.DataFrame,
    fit: PackedSessions,
    test: PackedSessions,
    params: EvaluationParams,
) -> dict[str, dict[str, float]]:
    """Return the metrics of the recommenders that need no training."""
    from tronrec.baselines.rank import rank_baselines
    from tronrec.evaluation.metrics import measure

    counts, depth = items[COUNT].to_numpy(), max(params.cutoffs)
    rankings = rank_baselines(params.baselines, counts, fit, test, depth)
    return {name: measure(found, params.cutoffs) for name, found in rankings.items()}


def collect_metrics(
    model: dict[str, Any], baselines: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Return one record of what was measured."""
    return {**model, "baselines": baselines}
