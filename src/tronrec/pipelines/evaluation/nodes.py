"""The nodes of evaluation; torch is imported when one of them runs."""

from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.params import EvaluationParams
from tronrec.schemas import COUNT


def evaluate_model(
    model: Checkpoint, test: PackedSessions, params: EvaluationParams, device: str
) -> dict[str, Any]:
    """Return the metrics of the model over all events of the test sessions."""
    from tronrec.device import choose_device
    from tronrec.evaluation.metrics import measure
    from tronrec.evaluation.ranking import rank_targets
    from tronrec.model_file import ModelParts

    parts, target = ModelParts.read(model), choose_device(device)
    ranking = rank_targets(
        parts.model.to(target),
        parts.terms,
        test,
        depth=max(params.cutoffs),
        batch_size=params.batch_size,
        progress="test",
    )
    return {
        "system": parts.card.system,
        "parameters": parts.card.parameters.model_dump(mode="json"),
        "device": target.type,
        "epoch": parts.card.epoch,
        "sessions": len(test),
        "events": len(ranking.ranks),
        "items": parts.model.num_items,
        "metrics": measure(ranking, params.cutoffs),
    }


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
