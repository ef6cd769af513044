"""The nodes of evaluation; torch is imported when one of them runs."""

from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.data.session_sample import number_events, sample_sessions
from tronrec.evaluation.significance import intervals_of_systems
from tronrec.params import EvaluationParams
from tronrec.schemas import BEST_RANK, COUNT, ITEM, SESSION


def measure_model(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    model: Checkpoint,
    items: pl.DataFrame,
    fit: PackedSessions,
    test: PackedSessions,
    params: EvaluationParams,
    device: str,
) -> tuple[dict[str, Any], pl.DataFrame, pl.DataFrame]:
    """Return the metrics of the model over the events of the test sessions.

    Also the rank of each event's target, and the best rank of each item.

    Raises:
        UserError: The sessions are not of the preparation that it was trained on.
    """
    from tronrec.evaluation.model import rank_and_measure
    from tronrec.model_file import ModelFile

    file = ModelFile.read(model)
    file.check_data(items[ITEM], fit)
    facts, ranking = rank_and_measure(file, test, params, device)
    ranks = _rank_table(test, params, {facts["system"]: ranking.ranks})
    return facts, ranks, pl.DataFrame({BEST_RANK: ranking.best_rank_by_item})


def evaluate_baselines(
    items: pl.DataFrame,
    fit: PackedSessions,
    test: PackedSessions,
    params: EvaluationParams,
) -> tuple[dict[str, dict[str, float]], pl.DataFrame]:
    """Return metrics of the recommenders that need no training, and their ranks."""
    from tronrec.baselines.rank import rank_baselines
    from tronrec.evaluation.metrics import measure

    counts, depth = items[COUNT].to_numpy(), max(params.cutoffs)
    measured = sample_sessions(test, params.sessions)
    rankings = rank_baselines(params.baselines, counts, fit, measured, depth)
    metrics = {name: measure(own, params.cutoffs) for name, own in rankings.items()}
    ranks = {name: ranking.ranks for name, ranking in rankings.items()}
    return metrics, _rank_table(test, params, ranks)


def _rank_table(
    test: PackedSessions, params: EvaluationParams, ranks: dict[str, Any]
) -> pl.DataFrame:
    """Return a row for each event: the number of its session, and the ranks."""
    return pl.DataFrame({SESSION: number_events(test, params.sessions)} | ranks)


def draw_examples(
    model: Checkpoint, test: PackedSessions, details: pl.DataFrame, device: str
) -> dict[str, Any]:
    """Return some test sessions with what the model recommends in them."""
    from tronrec import examples
    from tronrec.model_file import ModelFile

    drawn = examples.draw_examples(ModelFile.read(model), test, device)
    return {"examples": drawn, "titles": examples.find_titles(drawn, details)}


def collect_metrics(
    model: dict[str, Any],
    baselines: dict[str, dict[str, float]],
    model_ranks: pl.DataFrame,
    baseline_ranks: pl.DataFrame,
) -> dict[str, Any]:
    """Return one record of what was measured, figures before parameters.

    Intervals are of the model and its baselines, by the name of their ranks.
    """
    facts = {name: value for name, value in model.items() if name != "parameters"}
    together = pl.concat([model_ranks, baseline_ranks.drop(SESSION)], how="horizontal")
    session = together.drop_in_place(SESSION).to_numpy()
    ranks = {name: together[name].to_numpy() for name in together.columns}
    return {
        **facts,
        "baselines": baselines,
        "intervals": intervals_of_systems(ranks, session),
        "parameters": model["parameters"],
    }
