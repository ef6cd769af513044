"""Random sessions, and facts of trainings and models, for tests."""

from datetime import UTC, datetime

import numpy as np

from tronrec.checkpoint import DataFingerprints, EpochRecord, ModelCard, TrainingState
from tronrec.data.packed import PackedSessions
from tronrec.params import SystemParams


def random_sessions(
    seed: int, *, sessions: int, num_items: int, longest: int
) -> PackedSessions:
    """Return sessions of 2 to `longest` clicks on items 1..num_items."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(2, longest + 1, sessions)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    items = generator.integers(1, num_items + 1, offsets[-1]).astype(np.int32)
    return PackedSessions(items, offsets)


def make_state(epochs: int) -> TrainingState:
    """Return the facts of a training of so many epochs."""
    record = EpochRecord(
        epoch=1,
        step=1,
        seconds=1.5,
        evaluation_seconds=0.5,
        loss=2.5,
        learning_rate=0.1,
        validation={"recall@20": 0.25, "mrr@20": 0.125},
    )
    return TrainingState(
        parameters=SystemParams(),
        data=DataFingerprints(items=9, fit="a", validation="b"),
        history=tuple(
            record.model_copy(update={"epoch": number})
            for number in range(1, epochs + 1)
        ),
        device="cpu",
    )


def make_card(epoch: int) -> ModelCard:
    """Return the facts of a model of an epoch."""
    return ModelCard(
        system="tron_xl",
        parameters=SystemParams(),
        epoch=epoch,
        validation={"recall@20": 0.25, "mrr@20": 0.125},
        data=DataFingerprints(items=9, fit="a", validation="b"),
        trained=datetime(2022, 8, 1, 12, tzinfo=UTC),
    )
