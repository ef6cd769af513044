"""Training steps to be timed: ours, and the padded one that a reader would write."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from timing import in_turns, stopwatches, wait

from data import Case
from reference.padded import PaddedTron
from tronrec.batches import Batch
from tronrec.data.packed import PackedSessions
from tronrec.params import SystemParams
from tronrec.training import step as step_module
from tronrec.training.hard_negatives import HardestNegatives
from tronrec.training.logits import StepLogits
from tronrec.training.loop import Trainer, TrainingSessions

RATE = 1e-3
NOTHING = PackedSessions(np.zeros(0, np.int32), np.zeros(1, np.int64))


class PackedTraining:
    """A training of ours, and its next step."""

    def __init__(self, params: SystemParams, case: Case, device: torch.device) -> None:
        data = TrainingSessions(case.sessions, NOTHING, case.num_items)
        self.trainer = Trainer(params, data, device)
        self.trainer.model.train()
        self.generator = torch.Generator(device)
        self.batches = endless(self.trainer)
        self.device = device

    def step(self) -> None:
        """Do what `training.loop` does for a batch."""
        self.trainer.update(next(self.batches), self.generator, RATE)
        wait(self.device)

    def several(self, steps: int = 8) -> None:
        """Run some steps, which take about as long as one padded step."""
        for _ in range(steps):
            self.step()

    def stages(self, steps: int = 40) -> dict[str, float]:
        """Return the seconds of each stage of a step."""
        trainer = self.trainer
        places = (
            (trainer.model.encoder, "forward", "encoder, forward"),
            (torch.autograd, "backward", "encoder, backward"),
            (trainer.step.sampler, "draw", "draw negatives"),
            (HardestNegatives, "choose", "score and choose negatives"),
            (StepLogits, "forward", "logits"),
            (StepLogits, "backward", "gradient of hidden states"),
            (step_module, "sum_terms", "gradient of items"),
            (trainer.item_optimizer, "step", "row-wise Adam"),
            (trainer.encoder_optimizer, "step", "Adam of the encoder"),
        )
        with stopwatches(*places, device=self.device) as totals:
            whole = in_turns({"step": self.step}, rounds=steps, warm_up=0)["step"]
        found = {label: total / steps for label, total in totals.items()}
        return found | {"the rest": max(0.0, whole - sum(found.values()))}


def endless(trainer: Trainer) -> Iterator[Batch]:
    """Yield batches, epoch after epoch."""
    generator, params = np.random.default_rng(0), trainer.params
    while True:
        yield from trainer.batches.epoch(
            batch_size=params.training.batch_size,
            window=params.model.window,
            generator=generator,
        )


class PaddedTraining:
    """The same for the padded reference."""

    def __init__(self, params: SystemParams, case: Case, device: torch.device) -> None:
        torch.manual_seed(0)
        self.params, self.sessions, self.device = params, case.sessions, device
        with device:
            self.model = PaddedTron(params, case.num_items).train()
        self.adam = torch.optim.Adam(self.model.parameters(), RATE)
        self.generator = np.random.default_rng(0)

    def step(self) -> None:
        """Pad the next sessions and train on them."""
        offsets, size = self.sessions.offsets, self.params.training.batch_size
        chosen = self.generator.choice(len(self.sessions), size, replace=False)
        batch = torch.zeros(size, self.params.model.window + 1, dtype=torch.long)
        for row, number in zip(batch, chosen, strict=True):
            clicks = self.sessions.items[offsets[number] : offsets[number + 1]]
            clicks = clicks[-len(row) :]
            row[: len(clicks)] = torch.from_numpy(clicks.astype(np.int64))
        self.adam.zero_grad()
        with self.device:
            self.model.loss(batch.to(self.device)).backward()
        self.adam.step()
        wait(self.device)
