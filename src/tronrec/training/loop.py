"""Training as a generator of epochs, for a node, a tuning trial and a notebook alike.

After every epoch the caller has the whole state in hand and decides whether to go on.
All randomness of an epoch comes from the seed and the epoch's number, so a resumed run
does what an unbroken one does.
"""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from tqdm import tqdm

from tronrec.batches import Batch
from tronrec.checkpoint import Checkpoint, with_prefix
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.evaluation.metrics import measure
from tronrec.losses import choose_loss
from tronrec.models.recommender import Recommender
from tronrec.params import SystemParams
from tronrec.precision import search_dtype
from tronrec.sampling import NegativeSampler
from tronrec.training.history import best_epoch, describe, history_table
from tronrec.training.memory import release_freed
from tronrec.training.optimizers import choose_optimizers
from tronrec.training.schedule import learning_rate
from tronrec.training.session_parallel import choose_batches
from tronrec.training.step import Step
from tronrec.training.workers import Alone

logger = logging.getLogger(__name__)

RELEASE = 200
"""Steps after which freed memory is given back to the system."""


@dataclass(frozen=True)
class TrainingData:
    """What a system learns from, and what its epochs are measured on."""

    fit: PackedSessions
    validation: PackedSessions
    """Chooses the epoch; where it is empty, the last epoch is taken."""
    num_items: int
    """Items of the catalogue, all of which are candidates."""


class Trainer:
    """A system in training: its model, its optimisers and what happened so far."""

    def __init__(
        self,
        params: SystemParams,
        data: TrainingData,
        device: torch.device,
        workers: Alone | None = None,
    ) -> None:
        """Draw the initial weights.

        Args:
            params: The system.
            data: What it learns from.
            device: Where it is trained.
            workers: The processes that train together; None: this one alone.

        Raises:
            UserError: There are too few sessions.
        """
        if len(data.fit) < 2:  # noqa: PLR2004 - in-batch negatives need another session
            raise UserError(
                f"{len(data.fit)} training sessions are left, and 2 are needed: "
                "lower filtering.min_item_support or splitting.validation_days"
            )
        self.params, self.data, self.device = params, data, device
        self.workers = workers or Alone()
        torch.manual_seed(params.training.seed)
        self.model = Recommender(params.model, data.num_items).to(self.device)
        self.model.count_trend(data.fit.items)
        if params.training.compile:
            self.model.encoder.compile(dynamic=True)
        self.rows, self.dense = choose_optimizers(
            params.training, self.model.items, self.model.encoder.parameters()
        )
        self.batches = choose_batches(params, data.fit, self.device)
        self.step = Step(
            self.model,
            NegativeSampler(
                params.sampling, search_dtype(self.device), self.batches.items
            ),
            choose_loss(params.loss),
            torch.bfloat16 if params.training.precision == "bfloat16" else None,
        )
        if 1 < self.workers.count > len(data.fit) // self._steps:
            raise UserError(
                f"parallel.processes, of all machines ({self.workers.count}), exceed "
                f"the {len(data.fit) // self._steps} sessions of a batch; lower them"
            )
        self.batches.divide(self.workers.rank, self.workers.count)
        self.checksums = {
            "items": data.num_items,
            "fit": data.fit.fingerprint(),
            "validation": data.validation.fingerprint(),
        }
        self.history: list[dict[str, Any]] = []
        self.best = self.model.state_dict()

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """The finished epoch that is best on validation, or the last one without it."""
        return best_epoch(self.history, self.params.training.choose_by)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or patience has run out."""
        training = self.params.training
        waited = self.epoch - self.best_epoch
        out_of_patience = training.patience is not None and waited >= training.patience
        return self.epoch >= training.epochs or out_of_patience

    def run_epoch(self) -> None:
        """Train on every session once, then measure."""
        training = self.params.training
        started = time.perf_counter()
        loss = self._train()
        trained = time.perf_counter()
        if not math.isfinite(loss):
            raise UserError(
                f"The loss of epoch {self.epoch + 1} is {loss}: lower "
                f"training.learning_rate ({training.learning_rate}) or raise "
                f"training.warmup_steps ({training.warmup_steps})"
            )
        step = (self.epoch + 1) * self._steps
        row: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "step": step,
            "seconds": trained - started,
            "loss": loss,
            "learning_rate": learning_rate(training, step, self._total),
        }
        row |= self._validate()
        row["evaluation_seconds"] = time.perf_counter() - trained
        self.history.append(row)
        if self.best_epoch == self.epoch:
            weights = self.model.state_dict()
            self.best = {name: tensor.clone() for name, tensor in weights.items()}
        logger.info(describe(row))

    @property
    def _steps(self) -> int:
        return self.batches.steps(self.params.training.batch_size)

    @property
    def _total(self) -> int:
        return self._steps * self.params.training.epochs

    def _train(self) -> float:
        """Run the steps of an epoch and return the mean loss of its events."""
        training, epoch = self.params.training, self.epoch
        purpose = f"dropout{self.workers.rank or ''}"
        torch.manual_seed(_seed(training.seed, epoch, purpose))
        negatives = torch.Generator(self.device)
        negatives.manual_seed(_seed(training.seed, epoch, "negatives"))
        batches = self.batches.epoch(
            batch_size=training.batch_size,
            window=self.params.model.window,
            generator=np.random.default_rng(_seed(training.seed, epoch, "order")),
        )
        label = f"epoch {epoch + 1}/{training.epochs}"
        total = torch.zeros((), device=self.device, dtype=torch.float64)
        events = 0
        self.model.train()
        disable = True if self.workers.rank else None
        with tqdm(batches, label, self._steps, unit=" steps", disable=disable) as bar:
            for number, batch in enumerate(bar, start=epoch * self._steps + 1):
                rate = learning_rate(training, number, self._total)
                loss = self.update(batch, negatives, rate)
                total += loss * batch.predictions
                events += batch.predictions
                if number % RELEASE == 0:
                    release_freed()
        return float(total) / events

    def update(
        self, batch: Batch, generator: torch.Generator, learning_rate: float
    ) -> Tensor:
        """Learn from a batch; return its mean loss, on the device."""
        self.dense.zero_grad()
        gradients = self.step.backward(batch, generator)
        encoder = list(self.model.encoder.parameters())
        gradients = self.workers.combine(gradients, batch, encoder)
        for group in self.dense.param_groups:
            group["lr"] = learning_rate
        self.dense.step()
        self.rows.step(gradients.items, learning_rate * self.params.training.item_rate)
        self.model.settle(gradients.items.items)
        return gradients.loss

    def _validate(self) -> dict[str, float | None]:
        """Return Recall@20 and MRR@20 of the validation sessions, if there are any."""
        names = "recall@20", "mrr@20"
        if not len(self.data.validation):
            return {f"validation_{name}": None for name in names}
        ranking = self.workers.rank_targets(
            self.model, self.data.validation, "validation"
        )
        found = measure(ranking, [20])
        return {f"validation_{name}": found[name] for name in names}

    def checkpoint(self) -> Checkpoint:
        """Return all that `resume` needs; it shares memory: save it before going on."""
        optimizer = {
            f"{index}.{name}": tensor
            for index, state in self.dense.state_dict()["state"].items()
            for name, tensor in state.items()
        }
        tensors = (
            with_prefix("model", self.model.state_dict())
            | with_prefix("best", self.best)
            | with_prefix("rows", self.rows.state())
            | with_prefix("dense", optimizer)
        )
        facts = {
            "parameters": self.params.model_dump(mode="json"),
            "data": self.checksums,
            "history": list(self.history),
        }
        return Checkpoint(tensors, facts)

    def resume(self, checkpoint: Checkpoint) -> bool:
        """Go on from `checkpoint` if data and parameters are those it was made from."""
        system = SystemParams.model_validate(checkpoint.facts["parameters"])
        before = _made_from(system) | checkpoint.facts["data"]
        now = _made_from(self.params) | self.checksums
        changed = [key for key in now if before.get(key) != now[key]]
        done = len(checkpoint.facts["history"])
        if done > self.params.training.epochs:
            changed.append("training.epochs")
        if changed:
            logger.warning(
                "The checkpoint of epoch %d is not used, training starts afresh: "
                "changed since then: %s",
                done,
                ", ".join(changed),
            )
            return False
        self._restore(checkpoint)
        logger.info("Resumed after epoch %d", done)
        return True

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.history = list(checkpoint.facts["history"])
        self.model.load_state_dict(checkpoint.part("model"))
        self.best = {
            name: tensor.to(self.device)
            for name, tensor in checkpoint.part("best").items()
        }
        self.rows.restore(checkpoint.part("rows"))
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in checkpoint.part("dense").items():
            index, _, entry = name.partition(".")
            state.setdefault(int(index), {})[entry] = tensor
        self.dense.load_state_dict(self.dense.state_dict() | {"state": state})

    def table(self) -> pl.DataFrame:
        """Return the history, one row an epoch."""
        return history_table(self.history)


def train(trainer: Trainer, last: Checkpoint | None) -> Iterator[Trainer]:
    """Yield the trainer after each epoch that `last` does not have, or as it is."""
    resumed = last is not None and trainer.resume(last)
    trainer.workers.check_epoch(trainer.epoch)
    if resumed and trainer.finished:
        yield trainer
    yield from fit(trainer)


def fit(trainer: Trainer) -> Iterator[Trainer]:
    """Yield the trainer after each epoch that is still to be run."""
    while not trainer.finished:
        trainer.run_epoch()
        yield trainer


def _made_from(system: SystemParams) -> dict[str, Any]:
    """Return the parameters that decide the weights, by their full names."""
    made_from = {
        f"{block}.{name}": value
        for block, values in system.model_dump(mode="json").items()
        for name, value in values.items()
    }
    for name in ("patience", "compile"):
        del made_from[f"training.{name}"]
    if system.training.schedule == "constant":
        del made_from["training.epochs"]
    return made_from


def _seed(seed: int, epoch: int, purpose: str) -> int:
    """Return a number that no other purpose, epoch or seed shares."""
    words = np.random.SeedSequence([seed, epoch, *purpose.encode()]).generate_state(2)
    return int(words.view(np.uint64)[0] >> np.uint64(1))
