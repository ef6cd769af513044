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
from itertools import chain

import numpy as np
import polars as pl
import torch
from torch import Tensor

from tronrec.batches import Batch
from tronrec.checkpoint import DataFingerprints, EpochRecord
from tronrec.data.packed import PackedSessions
from tronrec.data.session_sample import sample_validation
from tronrec.device import search_dtype, training_dtype
from tronrec.errors import UserError
from tronrec.evaluation.calibration import fit_gains
from tronrec.evaluation.metrics import measure
from tronrec.losses import choose_loss
from tronrec.models.recommender import Recommender
from tronrec.params import SystemParams
from tronrec.progress import track
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.sampling import NegativeSampler
from tronrec.training.encoder_graphs import EncoderGraphs
from tronrec.training.hard_negatives import HardestNegatives
from tronrec.training.history import VALIDATION, best_epoch, describe, history_table
from tronrec.training.memory import release_freed
from tronrec.training.optimizers import choose_optimizers
from tronrec.training.proportions import warn_of_oversize
from tronrec.training.schedule import learning_rate
from tronrec.training.session_parallel import choose_batches
from tronrec.training.step import Step
from tronrec.training.workers import SingleProcess

logger = logging.getLogger(__name__)

RELEASE = 200
"""Steps after which freed memory is given back to the system."""


@dataclass(frozen=True)
class TrainingSessions:
    """What a system learns from, and what its epochs are measured on."""

    fit: PackedSessions
    validation: PackedSessions
    """Chooses the epoch; where it is empty, the last epoch is taken."""
    num_items: int
    """Items of the catalogue, all of which are candidates."""
    origin: str | None = None
    """Fingerprint of the model whose weights it starts from; None: they are drawn."""

    def fingerprints(self) -> DataFingerprints:
        """Return by what they are recognised; reads all sessions."""
        return DataFingerprints(
            items=self.num_items,
            fit=self.fit.fingerprint(),
            validation=self.validation.fingerprint(),
            origin=self.origin,
        )


class Trainer:
    """A system in training: its model, its optimisers and what happened so far."""

    def __init__(
        self,
        params: SystemParams,
        data: TrainingSessions,
        device: torch.device,
        workers: SingleProcess | None = None,
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
        params = params.sized_for(len(data.fit.items))
        self.params, self.data, self.device = params, data, device
        self.validation = sample_validation(
            data.validation, params.training.validation_sessions, data.num_items
        )
        self.workers = workers or SingleProcess()
        if self.workers.rank == 0:
            warn_of_oversize(params, items=data.num_items, sessions=len(data.fit))
        torch.manual_seed(params.training.seed)
        self.model = Recommender(params.model, data.num_items).to(self.device)
        self.terms = RankingTerms.count(params.ranking, data.num_items, data.fit)
        if params.ranking.calibrate:
            self.terms = self.terms.with_successors(data.num_items, data.fit)
        self.item_optimizer, self.encoder_optimizer = choose_optimizers(
            params.training, self.model.item_embeddings, self.model.encoder.parameters()
        )
        self.batches = choose_batches(params, data.fit, device)
        self.step = self._make_step()
        steps = self.batches.steps(params.training.batch_size)
        if 1 < self.workers.count > len(data.fit) // steps:
            raise UserError(
                f"parallel.processes, of all machines ({self.workers.count}), exceed "
                f"the {len(data.fit) // steps} sessions of a batch; lower them"
            )
        self._passes = max(1, math.ceil(params.training.min_steps / steps))
        self._steps = self._passes * steps
        self.batches.shard(self.workers.rank, self.workers.count)
        self.fingerprints = data.fingerprints()
        self.history: list[EpochRecord] = []
        self.best_weights: dict[str, Tensor] | None = None
        """Of the best epoch so far; None: the present ones, which are copied once they
        are to change. That a file has them, too, spares a table of items in memory."""

    def _make_step(self) -> Step:
        params, items = self.params, self.data.num_items
        k = params.sampling.kept_of(items)
        replayed = self.device.type == "cuda" and params.model.encoder == "transformer"
        return Step(
            self.model,
            NegativeSampler(params.sampling, items),
            None if k is None else HardestNegatives(k, search_dtype(self.device)),
            choose_loss(params.loss),
            training_dtype(params.training.precision, self.device),
            EncoderGraphs(self.model) if replayed else None,
        )

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
        """Train on every session, as often as `min_steps` says, then measure."""
        training = self.params.training
        if self.history and self.best_weights is None:
            weights = self.model.state_dict()
            self.best_weights = {name: t.clone() for name, t in weights.items()}
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
        validation = self.validate()
        record = EpochRecord(
            epoch=self.epoch + 1,
            step=step,
            seconds=trained - started,
            evaluation_seconds=time.perf_counter() - trained,
            loss=loss,
            learning_rate=learning_rate(training, step, self._total),
            validation=validation,
        )
        self.history.append(record)
        if self.best_epoch == self.epoch:
            self.best_weights = None
        logger.info(describe(record))

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
        order = np.random.default_rng(_seed(training.seed, epoch, "order"))
        window = self.params.model.window
        batches = chain.from_iterable(
            self.batches.epoch(
                batch_size=training.batch_size, window=window, generator=order
            )
            for _ in range(self._passes)
        )
        label = f"epoch {epoch + 1}/{training.epochs}"
        total = torch.zeros((), device=self.device, dtype=torch.float64)
        events = 0
        self.model.train()
        shown = self.workers.rank == 0
        steps = track(batches, label, self._steps, "steps", shown=shown)
        for number, batch in enumerate(steps, start=epoch * self._steps + 1):
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
        self.encoder_optimizer.zero_grad()
        gradients = self.step.backward(batch, generator)
        encoder = list(self.model.encoder.parameters())
        gradients = self.workers.combine(gradients, batch, encoder)
        for group in self.encoder_optimizer.param_groups:
            group["lr"] = learning_rate
        self.encoder_optimizer.step()
        item_rate = learning_rate * self.params.training.item_rate
        self.item_optimizer.step(gradients.of_items, item_rate)
        self.model.renormalize(gradients.of_items.item_ids)
        return gradients.loss

    def validate(self) -> dict[str, float]:
        """Return Recall@20 and MRR@20 of the validation sessions, if there are any.

        Where ranking terms are calibrated, the gains are those that fit the weights.
        """
        if not len(self.validation):
            return {}
        self.step.release()
        terms = self.terms
        if self.params.ranking.calibrate:
            label = "gains" if self.workers.rank == 0 else None
            terms = fit_gains(self.model, terms, self.validation, label)
        ranking = self.workers.rank_targets(
            self.model, terms, self.validation, "validation"
        )
        metrics = measure(ranking, [20])
        return {name: metrics[name] for name in VALIDATION}

    def table(self) -> pl.DataFrame:
        """Return the history, one row an epoch."""
        return history_table(self.history)


def fit(trainer: Trainer) -> Iterator[Trainer]:
    """Yield the trainer after each epoch that is still to be run."""
    while not trainer.finished:
        trainer.run_epoch()
        yield trainer


def _seed(seed: int, epoch: int, purpose: str) -> int:
    """Return a number that no other purpose, epoch or seed shares."""
    words = np.random.SeedSequence([seed, epoch, *purpose.encode()]).generate_state(2)
    return int(words.view(np.uint64)[0] >> np.uint64(1))
