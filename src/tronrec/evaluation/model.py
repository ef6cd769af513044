"""A trained model measured on test sessions."""

from typing import Any

from tronrec.data.packed import PackedSessions
from tronrec.data.session_sample import sample_sessions
from tronrec.device import choose_device
from tronrec.evaluation.metrics import measure
from tronrec.evaluation.ranking import Ranking, rank_targets
from tronrec.model_file import ModelFile
from tronrec.params import EvaluationParams


def evaluate_model(
    file: ModelFile, sessions: PackedSessions, params: EvaluationParams, device: str
) -> dict[str, Any]:
    """Return the metrics of a model over the events of `sessions`, and what it is.

    `drawn_from` is the number of sessions, where not all of them were measured.

    The arguments are those of `rank_and_measure`.
    """
    facts, _ = rank_and_measure(file, sessions, params, device)
    return facts


def rank_and_measure(
    file: ModelFile, sessions: PackedSessions, params: EvaluationParams, device: str
) -> tuple[dict[str, Any], Ranking]:
    """Return what `evaluate_model` does, and the ranks that it was measured by.

    Args:
        file: The model.
        sessions: Sessions of at least two clicks, of items the model knows.
        params: List lengths, the size of batches, and how many sessions are drawn.
        device: `cpu`, `cuda` or `auto`.
    """
    target, total = choose_device(device), len(sessions)
    sessions = sample_sessions(sessions, params.sessions)
    ranking = rank_targets(
        file.model.to(target),
        file.terms,
        sessions,
        depth=max(params.cutoffs),
        batch_size=params.batch_size,
        progress="test",
    )
    facts = {
        "system": file.card.system,
        "parameters": file.card.parameters.model_dump(mode="json"),
        "device": target.type,
        "epoch": file.card.epoch,
        "sessions": len(sessions),
        **({"drawn_from": total} if len(sessions) < total else {}),
        "events": len(ranking.ranks),
        "items": file.model.num_items,
        "metrics": measure(ranking, params.cutoffs),
    }
    return facts, ranking
