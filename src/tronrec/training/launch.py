"""The front of training: checkpoints of a system, whoever computes them."""

from collections.abc import Iterator

from tronrec.checkpoint import Checkpoint
from tronrec.device import choose_device
from tronrec.params import ParallelParams, SystemParams
from tronrec.training.distributed import train_in_processes
from tronrec.training.loop import Trainer, TrainingSessions
from tronrec.training.state import keep_best_in, save_state, train


def train_system(
    system: SystemParams,
    sessions: TrainingSessions,
    *,
    device: str,
    parallel: ParallelParams,
    last: Checkpoint | None = None,
) -> Iterator[Checkpoint]:
    """Yield a checkpoint after every epoch that `last` does not have.

    Each shares the trainer's memory: write it before the next one is asked for. Where
    `last` is of a finished training, it is yielded as it is.

    Args:
        system: What is trained.
        sessions: What it learns from, and what its epochs are measured on.
        device: `cpu`, `cuda` or `auto`.
        parallel: The processes that train together.
        last: What an earlier run left.
    """
    if parallel.workers > 1:
        yield from train_in_processes(system, sessions, device, parallel, last)
        return
    trainer = Trainer(system, sessions, choose_device(device))
    for state in train(trainer, last):
        checkpoint = save_state(state)
        yield checkpoint
        keep_best_in(state, checkpoint)
