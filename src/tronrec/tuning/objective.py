"""What a trial does: train a system and measure it on the validation sessions."""

from collections.abc import Iterator

import numpy as np
import torch

from tronrec.data.packed import PackedSessions
from tronrec.params import SystemParams, TuningParams
from tronrec.training.loop import Trainer, TrainingSessions, fit
from tronrec.tuning.search import Epoch, Train


def choose_train(
    params: TuningParams, data: TrainingSessions, device: torch.device
) -> Train:
    """Return the function that trains a system as a trial does."""
    clicks = len(data.fit.items)
    if params.sessions is not None:
        newest_fit = newest(data.fit, params.sessions)
        data = TrainingSessions(newest_fit, data.validation, data.num_items)

    def train(system: SystemParams) -> Iterator[Epoch]:
        trainer = Trainer(system.sized_for(clicks), data, device)
        for state in fit(trainer):
            history, metric = state.history, params.metric
            yield Epoch(
                number=state.epoch,
                metric=history[-1].validation[metric],
                best=history[state.best_epoch - 1].validation[metric],
                seconds=sum(record.seconds for record in history),
                last=state.finished,
            )

    return train


def newest(sessions: PackedSessions, count: int) -> PackedSessions:
    """Return the last `count` sessions; they are in the order of their first click."""
    offsets = sessions.offsets[-count - 1 :]
    items = sessions.items[offsets[0] :]
    return PackedSessions(np.asarray(items), np.asarray(offsets - offsets[0]))
