"""Training steps to be timed: ours, and the padded one that a reader would write."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from timing import Step, in_turns, stopwatches

from data import Shape, draw_sessions
from reference.padded import PaddedTron
from tronrec.batches import Batch, SessionBatches
from tronrec.losses import choose_loss
from tronrec.models.recommender import Recommender
from tronrec.params import SystemParams
from tronrec.precision import coarse_dtype
from tronrec.sampling import NegativeSampler
from tronrec.training import step as step_module
from tronrec.training.optimizers import RowAdam


class PackedTraining:
    """The state of a training, and its next step."""

    def __init__(self, params: SystemParams, shape: Shape) -> None:
        torch.manual_seed(0)
        device = torch.device("cpu")
        self.params = params
        self.sessions = SessionBatches(draw_sessions(shape), device)
        self.model = Recommender(params.model, shape.num_items).train()
        self.sampler = NegativeSampler(params.sampling, coarse_dtype(device))
        self.loss, self.generator = choose_loss(params.loss), torch.Generator()
        self.rows = RowAdam(self.model.items)
        encoder = self.model.encoder.parameters()
        self.dense = torch.optim.Adam(encoder, 1e-3, fused=True)
        self.batches = self.endless()

    def endless(self) -> Iterator[Batch]:
        """Yield batches, epoch after epoch."""
        generator = np.random.default_rng(0)
        while True:
            yield from self.sessions.epoch(
                batch_size=self.params.training.batch_size,
                window=self.params.model.window,
                generator=generator,
            )

    def step(self) -> None:
        """Do what `training.loop` does for a batch."""
        batch = next(self.batches)
        self.dense.zero_grad()
        gradients = step_module.backward(
            self.model, batch, self.sampler, self.loss, self.generator
        )
        self.dense.step()
        self.rows.step(gradients.items, 1e-3)

    def stages(self, steps: int = 20) -> dict[str, float]:
        """Return the seconds of each stage of a step."""
        for _ in range(3):
            self.step()
        places = (
            (self.model.encoder, "forward", "encoder, forward"),
            (torch.autograd, "backward", "encoder, backward"),
            (self.sampler, "choose", "draw, score and choose negatives"),
            (step_module, "row_logits", "logits"),
            (step_module, "weighted_rows", "gradient of hidden states"),
            (step_module, "sum_by_item", "gradient of items"),
            (self.rows, "step", "row-wise Adam"),
            (self.dense, "step", "Adam of the encoder"),
        )
        with stopwatches(*places) as totals:
            whole = in_turns({"step": self.step}, rounds=steps, warm_up=0)["step"]
        found = {label: total / steps for label, total in totals.items()}
        return found | {"the rest": max(0.0, whole - sum(found.values()))}


class PaddedTraining:
    """The same for the padded reference."""

    def __init__(self, params: SystemParams, shape: Shape) -> None:
        torch.manual_seed(0)
        self.params, self.sessions = params, draw_sessions(shape)
        self.model = PaddedTron(params, shape.num_items).train()
        self.adam = torch.optim.Adam(self.model.parameters(), 1e-3)
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
        self.model.loss(batch).backward()
        self.adam.step()


def compare(params: SystemParams, shape: Shape, rounds: int) -> dict[str, float]:
    """Return the median seconds of the packed and the padded step."""
    packed, padded = PackedTraining(params, shape), PaddedTraining(params, shape)

    def several() -> None:
        for _ in range(8):
            packed.step()

    steps: dict[str, Step] = {"packed": several, "padded": padded.step}
    found = in_turns(steps, rounds, warm_up=1)
    return found | {"packed": found["packed"] / 8}
