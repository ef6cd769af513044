"""A model that goes on from newer clicks, and takes the former one's place if it may.

The newest sessions are held out for the judgement alone: no epoch is chosen on them.
What takes the place has its trend counted up to the newest click.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tronrec.checkpoint import Checkpoint, DataFingerprints, ModelCard, training_key
from tronrec.data.item_ids import find_numbers
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.evaluation.by_id import rank_by_id
from tronrec.evaluation.significance import RESAMPLES, compare
from tronrec.model_file import ModelFile
from tronrec.params import ParallelParams, RefreshParams, SystemParams
from tronrec.schemas import ITEM
from tronrec.training.export import export_model
from tronrec.training.launch import train_system
from tronrec.training.loop import TrainingSessions
from tronrec.training.warm_start import warm_start

logger = logging.getLogger(__name__)

METRICS = "recall@20", "mrr@20"
"""What decides."""

NOTHING = PackedSessions(np.zeros(0, np.int32), np.zeros(1, np.int64))


@dataclass(frozen=True)
class Window:
    """The newest days of a log, as sessions."""

    fit: PackedSessions
    """To learn from."""
    held_out: PackedSessions
    """The newest: to judge on."""
    items: pl.DataFrame
    """The item index."""

    def fingerprints(self, origin: str | None) -> DataFingerprints:
        """Return by what a model is recognised that was made from these days."""
        sessions = TrainingSessions(self.fit, self.held_out, self.items.height, origin)
        return sessions.fingerprints()

    def made(self, card: ModelCard) -> bool:
        """Return whether a model has learned from exactly these days."""
        return card.data == self.fingerprints(card.data.origin)


def refreshed_system(
    system: SystemParams, params: RefreshParams, former: ModelCard
) -> SystemParams:
    """Return the system as a refresh trains it.

    Ranking terms that were calibrated are those of the former model, and so is the
    number of members where it depends on the log.
    """
    changes: dict[str, Any] = {
        "epochs": params.epochs,
        "min_steps": 1,
        "patience": None,
    }
    for key in ("learning_rate", "warmup_steps"):
        if (value := getattr(params, key)) is not None:
            changes[key] = value
    training = system.training.model_copy(update=changes)
    calibrated = system.ranking.calibrate
    ranking = former.parameters.ranking if calibrated else system.ranking
    model = system.model
    if model.member_clicks is not None:
        members = former.parameters.model.members
        model = model.model_copy(update={"members": members, "member_clicks": None})
    blocks = {"model": model, "training": training, "ranking": ranking}
    return system.model_copy(update=blocks)


def train_on(  # noqa: PLR0913 - what a training needs
    window: Window,
    former: Checkpoint,
    system: SystemParams,
    *,
    device: str,
    parallel: ParallelParams,
    last: Mapping[str, Callable[[], Checkpoint]],
) -> Iterator[Checkpoint]:
    """Yield a checkpoint after every epoch, or one of no epoch if nothing is new.

    Args:
        window: What it learns from.
        former: The model it starts from.
        system: What is trained (`refreshed_system`).
        device: `cpu`, `cuda` or `auto`.
        parallel: The processes that train together.
        last: Key of a training -> what reads its checkpoint, to go on from.

    Raises:
        UserError: The model is of another architecture, or its ids of another type.
    """
    origin = former.fingerprint()
    sessions = TrainingSessions(window.fit, NOTHING, window.items.height, origin)
    file = ModelFile.read(former)
    start = warm_start(system, sessions, file, window.items[ITEM])
    if window.made(file.card):
        yield start
        return
    read = last.get(training_key(system, start.state.data), lambda: start)
    yield from train_system(
        system, sessions, device=device, parallel=parallel, last=read()
    )


def replace_if_better(  # noqa: PLR0913 - two models, and how they are measured
    former: Checkpoint,
    trained: Checkpoint,
    window: Window,
    tolerance: float,
    *,
    name: str,
    device: str,
    batch_size: int,
) -> tuple[Checkpoint, dict[str, Any]]:
    """Return the model that is to be in use from now on, and the record of why.

    Args:
        former: The model that is in use.
        trained: What `train_on` has yielded last.
        window: What it has learned from, and what both are judged on.
        tolerance: By how much the new model may be worse.
        name: The name of its system.
        device: Where they are measured.
        batch_size: Events ranked at once.
    """
    before, state = ModelFile.read(former), trained.state
    record: dict[str, Any] = {"former_trained": before.card.trained.isoformat()}
    if not state.history:
        why = "Nothing has been clicked since the model was made; it stays"
        return former, _decide("nothing new", why) | record
    new = ModelFile.read(_export(name, trained, window, window.fit))
    results = judge(before, new, window, device=device, batch_size=batch_size)
    worse = max(results["former"][key] - results["new"][key] for key in METRICS)
    record |= {
        "tolerance": tolerance,
        "metrics": results,
        "sessions": len(window.held_out),
        "events": window.held_out.num_targets,
        "items": _count_items(before.item_ids, new.item_ids),
        "epochs": [epoch.model_dump() for epoch in state.history],
    }
    told = _tell(results)
    if worse > tolerance:
        why = f"The former model stays: the new one is {_short_of(tolerance)}; {told}"
        return former, _decide("kept", why) | record
    why = f"The new model takes the former one's place; {told}"
    served = _export(name, trained, window, window.fit, window.held_out)
    measured = {key: results["new"][key] for key in METRICS}
    data = window.fingerprints(state.data.origin)
    card = served.card.model_copy(update={"validation": measured, "data": data})
    return Checkpoint(served.tensors, card), _decide("replaced", why) | record


def _export(
    name: str, trained: Checkpoint, window: Window, *sessions: PackedSessions
) -> Checkpoint:
    """Return the model of a training, with terms that are counted from `sessions`."""
    ranking = trained.state.parameters.ranking
    return export_model(name, trained, window.items, *sessions, ranking=ranking)


def judge(
    former: ModelFile,
    new: ModelFile,
    window: Window,
    *,
    device: str,
    batch_size: int,
) -> dict[str, dict[str, Any]]:
    """Return the metrics of both models on what is held out, and how they compare.

    Both rank the same events. What a model does not know counts as missed.
    """
    target = choose_device(device)
    ranks = {
        name: rank_by_id(
            *(file, window.held_out, window.items[ITEM]),
            batch_size=batch_size,
            device=target,
        )
        for name, file in {"new": new, "former": former}.items()
    }
    session = window.held_out.session_of_target
    return compare(ranks, session, subject="new", resamples=RESAMPLES)


def _count_items(former: pl.Series, now: pl.Series) -> dict[str, int]:
    known = int((find_numbers(former, now) > 0).sum())
    return {"known": known, "new": len(now) - known, "gone": len(former) - known}


def _decide(decision: str, why: str) -> dict[str, str]:
    """Log a decision and return it."""
    logger.info(why)
    return {"decision": decision, "why": why}


def _short_of(tolerance: float) -> str:
    if tolerance < 0:
        return f"not better by {-tolerance:g}, as refresh.tolerance asks for"
    return f"worse by more than refresh.tolerance ({tolerance:g})"


def _tell(results: dict[str, dict[str, Any]]) -> str:
    """Return what both models have on the newest sessions, in words."""
    pairs = [
        f"{title} {results['new'][metric]:.4f} (former {results['former'][metric]:.4f})"
        for title, metric in zip(("Recall@20", "MRR@20"), METRICS, strict=True)
    ]
    return f"on the newest sessions: {', '.join(pairs)}"
