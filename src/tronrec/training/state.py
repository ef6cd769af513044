"""The state of a training: saved after every epoch, resumed by the next run.

A checkpoint has the weights after the last epoch, those of the best one, and the
moments of both optimisers. What decides the weights, data and parameters, is kept with
them: a training goes on from a checkpoint only where all of it is the same. Ranking
terms decide no weight, so that a change of them is measured anew on the weights there
are, and nothing is trained again.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import torch
from torch import Tensor

from tronrec.checkpoint import (
    Checkpoint,
    EpochRecord,
    TrainingState,
    training_key,
    with_prefix,
)
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.models.recommender import Recommender
from tronrec.params import RankingParams, SystemParams
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.training.history import best_epoch
from tronrec.training.loop import Trainer, TrainingSessions, fit

logger = logging.getLogger(__name__)


class MappedWeights(dict[str, Tensor]):
    """Weights that lie in a file, where somebody might write others over them."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        """Keep the weights, and by what a change is noticed: the sum of their bits."""
        super().__init__(weights)
        self._sum = self._add_up()

    def check(self) -> None:
        """Refuse weights that have changed since then.

        Raises:
            UserError: They have.
        """
        if self._add_up() != self._sum:
            raise UserError(
                "The checkpoint of this training was overwritten while it went on, and "
                "with it the weights of its best epoch: restore the file from a copy, "
                "if there is one, leave it alone, and run again"
            )

    def _add_up(self) -> int:
        return sum(int(weights.view(torch.int32).sum()) for weights in self.values())


def save_state(trainer: Trainer, peak_bytes: int | None = None) -> Checkpoint:
    """Return all that `resume` needs.

    It shares the trainer's memory: write it to disk before the next step.

    Args:
        trainer: The training, after an epoch.
        peak_bytes: Largest memory so far, where it is measured.

    Raises:
        UserError: The file that has the weights of the best epoch was overwritten.
    """
    optimizer = {
        f"{index}.{name}": tensor
        for index, moments in trainer.encoder_optimizer.state_dict()["state"].items()
        for name, tensor in moments.items()
    }
    aside = trainer.best_weights if trainer.best_epoch != trainer.epoch else None
    if isinstance(aside, MappedWeights):
        aside.check()
    tensors = (
        with_prefix("model", trainer.model.state_dict())
        | with_prefix("best", aside or {})
        | with_prefix("item_optimizer", trainer.item_optimizer.state())
        | with_prefix("encoder_optimizer", optimizer)
    )
    state = TrainingState(
        parameters=trainer.params,
        data=trainer.fingerprints,
        history=tuple(trainer.history),
        peak_bytes=peak_bytes,
        device=trainer.device.type,
    )
    return Checkpoint(tensors, state)


def keep_best_in(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Have the best weights in the file of a checkpoint instead of in memory.

    Nothing changes where it was not saved.

    Args:
        trainer: The training.
        checkpoint: What `save_state` returned after its last epoch.
    """
    if checkpoint.path is None:
        return
    with suppress(UserError):  # it was moved away since then
        saved = Checkpoint.load(checkpoint.path)
        if saved.facts == checkpoint.facts:
            trainer.best_weights = MappedWeights(saved.best_weights())


def resume(trainer: Trainer, checkpoint: Checkpoint) -> bool:
    """Go on from `checkpoint` if data and parameters are those it was made from.

    Returns whether it was used; a warning says what has changed if it was not.
    """
    state = checkpoint.state
    done = len(state.history)
    if changed := _find_changes(trainer, state):
        logger.warning(
            "The checkpoint of epoch %d is not used, training starts afresh: changed "
            "since then: %s",
            done,
            ", ".join(changed),
        )
        return False
    _restore(trainer, checkpoint)
    if done:
        logger.info("Resumed after epoch %d", done)
    if state.parameters.ranking != trainer.params.ranking and done:
        _rank_anew(trainer)
    return True


def choose_last(
    checkpoints: Mapping[str, Callable[[], Checkpoint]],
    system: SystemParams,
    sessions: TrainingSessions,
) -> Checkpoint | None:
    """Return the last checkpoint of this very training, or else the newest one.

    Args:
        checkpoints: Key of a training (`TrainingState.key`) -> what reads its
            checkpoint; the newest comes first.
        system: What is to be trained.
        sessions: What it is to learn from.
    """
    if not checkpoints:
        return None
    sized = system.sized_for(len(sessions.fit.items))
    key = training_key(sized, sessions.fingerprints())
    return checkpoints[key if key in checkpoints else next(iter(checkpoints))]()


def train(trainer: Trainer, last: Checkpoint | None) -> Iterator[Trainer]:
    """Yield the trainer after each epoch that `last` does not have, or as it is."""
    resumed = last is not None and resume(trainer, last)
    trainer.workers.check_epoch(trainer.epoch)
    if resumed and trainer.finished:
        yield trainer
    yield from fit(trainer)


def load_best(
    checkpoint: Checkpoint,
    num_items: int,
    *sessions: PackedSessions,
    ranking: RankingParams | None = None,
) -> tuple[Recommender, RankingTerms]:
    """Return the model of the best epoch, and its ranking terms.

    They are counted anew, up to the newest of `sessions`: those that were held out to
    choose the epoch are known by now.

    Args:
        checkpoint: A training.
        num_items: Items of the catalogue.
        sessions: All sessions up to now, in parts.
        ranking: The terms; None: those it was trained with.
    """
    ranking = ranking or checkpoint.state.parameters.ranking
    terms = RankingTerms.count(ranking, num_items, *sessions)
    return best_model(checkpoint, num_items), terms


def best_model(checkpoint: Checkpoint, num_items: int) -> Recommender:
    """Return the model of the best epoch of a training, on the CPU."""
    model = Recommender(checkpoint.state.parameters.model, num_items)
    model.load_state_dict(checkpoint.best_weights())
    return model


def _find_changes(trainer: Trainer, state: TrainingState) -> list[str]:
    """Return the names of what decides the weights and is not as it was, each once."""
    before = state.parameters.deciding_weights() | state.data.model_dump()
    now = trainer.params.deciding_weights() | trainer.fingerprints.model_dump()
    changed = [name for name in now if before.get(name) != now[name]]
    if len(state.history) > trainer.params.training.epochs:
        changed.append("training.epochs")
    return list(dict.fromkeys(changed))


def _restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    trainer.history = list(checkpoint.state.history)
    trainer.model.load_state_dict(checkpoint.part("model"))
    if not trainer.history:
        return  # a warm start: there are no moments yet
    trainer.best_weights = MappedWeights(checkpoint.best_weights())
    trainer.item_optimizer.restore(checkpoint.part("item_optimizer"))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.part("encoder_optimizer").items():
        index, _, entry = name.partition(".")
        moments.setdefault(int(index), {})[entry] = tensor
    optimizer = trainer.encoder_optimizer
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})


def _rank_anew(trainer: Trainer) -> None:
    """Measure the weights there are with other ranking terms, and choose between them.

    Those of the best epoch so far and of the last one are kept. What the others would
    have is not known, and they cannot be chosen.
    """
    last = {name: t.clone() for name, t in trainer.model.state_dict().items()}
    kept = {len(trainer.history): last}
    if best := best_epoch(trainer.history, trainer.params.training.choose_by):
        kept.setdefault(best, trainer.best_weights or last)
    measured: dict[int, EpochRecord] = {}
    for epoch, weights in kept.items():
        trainer.model.load_state_dict(weights)
        validation = {"validation": trainer.validate()}
        measured[epoch] = trainer.history[epoch - 1].model_copy(update=validation)
    trainer.model.load_state_dict(last)
    unknown: dict[str, dict[str, float]] = {"validation": {}}
    trainer.history = [
        measured.get(record.epoch, record.model_copy(update=unknown))
        for record in trainer.history
    ]
    trainer.best_weights = kept[trainer.best_epoch]
    logger.info(
        "Ranking terms have changed: measured anew, epoch %d is the best of %s",
        trainer.best_epoch,
        " and ".join(map(str, sorted(kept))),
    )
