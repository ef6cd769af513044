"""Systems trained one by one and ranked on the same events: the work behind Table 2."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.data.session_sample import number_events, sample_sessions
from tronrec.device import choose_device
from tronrec.evaluation.ranking import rank_targets
from tronrec.params import EvaluationParams, RankingParams, SystemParams
from tronrec.schemas import SESSION
from tronrec.training.export import fitted_ranking
from tronrec.training.history import best_epoch, history_table
from tronrec.training.loop import Trainer, TrainingSessions, fit
from tronrec.training.memory import peak_bytes, reset_peak
from tronrec.training.state import keep_best_in, load_best, resume, save_state

logger = logging.getLogger(__name__)

Checkpoints = Mapping[str, Callable[[], Checkpoint]]
"""System -> what reads its checkpoint."""


def train_systems(
    systems: Mapping[str, SystemParams],
    sessions: TrainingSessions,
    device: str,
    last_checkpoints: Checkpoints,
) -> Iterator[dict[str, Checkpoint]]:
    """Yield a checkpoint of a system after each epoch that its last one does not have.

    Args:
        systems: What is trained, in this order.
        sessions: What they learn from, and what their epochs are measured on.
        device: `cpu`, `cuda` or `auto`.
        last_checkpoints: What an earlier run left.
    """
    target = choose_device(device)
    for name, system in systems.items():
        logger.info("Training %s", name)
        last = last_checkpoints[name]() if name in last_checkpoints else None
        reset_peak(target)
        trainer, peak = Trainer(system, sessions, target), None
        if last and resume(trainer, last):
            peak = last.state.peak_bytes
        for state in fit(trainer):
            peak = max(peak or 0, peak_bytes(target) or 0) or None
            checkpoint = save_state(state, peak)
            yield {name: checkpoint}
            keep_best_in(state, checkpoint)


def rank_systems(
    checkpoints: Checkpoints,
    sessions: TrainingSessions,
    test: PackedSessions,
    *,
    evaluation: EvaluationParams,
    device: str,
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Return the ranks of the test events by all systems, their epochs and runs.

    The ranks have a row for each event with the number of its session, and a column for
    each system.
    """
    target, runs, histories = choose_device(device), {}, []
    ranks = {SESSION: number_events(test, evaluation.sessions)}
    measured = sample_sessions(test, evaluation.sessions)
    known = sessions.fit, sessions.validation
    for name, read_checkpoint in checkpoints.items():
        checkpoint = read_checkpoint()
        fitted = fitted_ranking(checkpoint, sessions, device)
        model, terms = load_best(checkpoint, sessions.num_items, *known, ranking=fitted)
        ranking = rank_targets(
            model.to(target),
            terms,
            measured,
            depth=max(evaluation.cutoffs),
            batch_size=evaluation.batch_size,
            progress=name,
        )
        ranks[name] = ranking.ranks
        history = history_table(checkpoint.state.history)
        histories.append(history.insert_column(0, pl.lit(name).alias("system")))
        runs[name] = _describe(checkpoint, fitted)
    return pl.DataFrame(ranks), pl.concat(histories), runs


def _describe(checkpoint: Checkpoint, ranking: RankingParams) -> dict[str, Any]:
    """Return with what a system was trained and ranks, and how long it took."""
    state = checkpoint.state
    parameters = state.parameters.model_copy(update={"ranking": ranking})
    return {
        "parameters": parameters.model_dump(mode="json"),
        "epoch": best_epoch(state.history, state.parameters.training.choose_by),
        "epochs": len(state.history),
        "seconds": sum(record.seconds for record in state.history),
        "peak_bytes": state.peak_bytes,
        "device": state.device,
    }
