"""The search: which trial is next, what it is told, and when the study is complete.

Several processes may search one study. A trial is started under the study's lock, after
those of dead processes were queued again, so that each setting is tried once and the
number of trials is the one that was asked for. What training is, the caller says.
"""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from optuna import Trial
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from tronrec.params import AS_CONFIGURED, SystemParams
from tronrec.progress import Progress
from tronrec.tuning.space import apply, contains, distributions, draw, suggest
from tronrec.tuning.storage import OpenedStudy
from tronrec.tuning.study import queue

logger = logging.getLogger(__name__)

RETRIES = 3
"""Times that a trial is started again after its process died; then it has failed."""
DRAWS = 20
"""Times that a setting may be drawn that was tried before; then there are no others."""
POLL_SECONDS = 1.0
"""Pause between two looks at the trials of other workers."""


@dataclass(frozen=True)
class Epoch:
    """What is known of a trial after an epoch."""

    number: int
    metric: float
    """Of this epoch, on the validation sessions."""
    best: float
    """Of the best epoch so far."""
    seconds: float
    """Spent on training so far."""
    last: bool


Train = Callable[[SystemParams], Iterator[Epoch]]


class Search:
    """One worker on a study."""

    def __init__(self, opened: OpenedStudy, train: Train) -> None:
        """Connect to the study.

        Args:
            opened: The study.
            train: Trains a system, epoch by epoch.
        """
        self.storage, self.params, self.base = (
            opened.storage,
            opened.params,
            opened.base,
        )
        self.study, self.train = opened.load(), train
        self.exhausted = False

    def run(self) -> None:
        """Run trials until the study has as many as it should, or time is up.

        Raises:
            UserError: The study cannot be written any more. The trial at hand does not
                count, and is the first of the next run.
        """
        minutes = self.params.minutes
        deadline = time.monotonic() + 60 * minutes if minutes else None
        progress = Progress(
            "study", self.params.trials, "trials", done=self._finished()
        )
        with self.storage.explaining(), self.storage.worker() as worker, progress:
            while deadline is None or time.monotonic() < deadline:
                with self.storage.lock():
                    self._revive()
                    trial = self._start(worker)
                if trial is not None:
                    self._run_trial(trial)
                elif self._count(TrialState.RUNNING):
                    time.sleep(POLL_SECONDS)  # one of them may have to be revived
                else:
                    break
                progress.reach(self._finished())

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _count(self, *states: TrialState) -> int:
        return len(self.study.get_trials(deepcopy=False, states=states))

    def _finished(self) -> int:
        return sum(is_finished(trial) for trial in self._trials())

    def _revive(self) -> None:
        """Queue the trials of dead workers again; each has one successor at most."""
        revived = {trial.user_attrs.get("retry_of") for trial in self._trials()}
        with self.storage.dead_workers() as dead:
            for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
                facts = trial.user_attrs
                worker = facts.get("worker")
                if worker is not None and worker not in dead:
                    continue
                retries = facts.get("retries", 0)
                queued = trial.number in revived or "error" in facts
                if "system" in facts and retries < RETRIES and not queued:
                    kept = {
                        key: facts[key]
                        for key in ("system", "warm_start") & facts.keys()
                    }
                    again = {"retry_of": trial.number, "retries": retries + 1}
                    values = facts.get("fixed", trial.params)
                    queue(self.study, values, kept | again)
                    logger.warning("Trial %d: its process died; queued", trial.number)
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _start(self, worker: str) -> Trial | None:
        """Return the next trial, or None if no further one is to be started."""
        for _ in range(DRAWS):
            open_trials = self._finished() + self._count(TrialState.RUNNING)
            if self.params.trials is not None and open_trials >= self.params.trials:
                return None
            if self.exhausted and not self._count(TrialState.WAITING):
                return None
            self.study.sampler = self._choose_sampler()
            trial = self.study.ask()
            trial.set_user_attr("worker", worker)
            if self._assign_system(trial):
                return trial
        self.exhausted = True
        logger.info("%d draws in a row gave no new setting to try", DRAWS)
        return None

    def _choose_sampler(self) -> TPESampler:
        """Return a sampler whose draws depend on the seed and the trial's number."""
        seed = np.random.SeedSequence([self.params.seed, len(self._trials())])
        return TPESampler(
            seed=int(seed.generate_state(1)[0]), multivariate=False, constant_liar=True
        )

    def _assign_system(self, trial: Trial) -> bool:
        """Give the trial its system; return whether it is to be trained."""
        facts = trial.user_attrs
        if "system" in facts:  # a queued trial
            fixed = facts["fixed"]
            for name, dimension in self.params.dimensions().items():
                for key, distribution in distributions(name, dimension):
                    if key in fixed and contains(distribution, fixed[key]):
                        suggest(trial, key, distribution)
            return True
        values = draw(self.params, trial)
        try:
            system = apply(self.base, values).model_dump(mode="json")
        except ValidationError as error:
            self._fail(trial, "; ".join(details["msg"] for details in error.errors()))
            return False
        tried = {
            other.number: other.user_attrs.get("system")
            for other in self._trials()
            if is_finished(other) or other.state == TrialState.RUNNING
        }
        twin = [number for number, other in tried.items() if other == system]
        if twin:
            trial.set_user_attr("same_as", twin[0])
            self.study.tell(trial, state=TrialState.FAIL)
            return False
        trial.set_user_attr("system", system)
        return True

    def _run_trial(self, trial: Trial) -> None:
        """Train the system of a trial, and tell the study how it went."""
        epochs = self.train(SystemParams.model_validate(trial.user_attrs["system"]))
        while True:
            try:
                epoch = next(epochs)
            except StopIteration:
                return
            except Exception as error:  # one bad setting is not the end of the search
                logger.warning("Trial %d failed", trial.number, exc_info=True)
                reason = str(error) or type(error).__name__
                break
            trial.set_user_attr("epochs", epoch.number)
            trial.set_user_attr("seconds", epoch.seconds)
            if self._ends(trial, epoch):
                return
        gc.collect()  # the error's traceback held the model, and a GPU's memory
        self._fail(trial, reason)

    def _ends(self, trial: Trial, epoch: Epoch) -> bool:
        """Tell the study about an epoch; return whether it is the trial's last."""
        single = self.params.objectives == "accuracy"
        if epoch.last:
            values = [epoch.best] if single else [epoch.best, epoch.seconds]
            self.study.tell(trial, values)
            _log(trial, epoch, self.params.metric, "complete")
            return True
        if single:  # Optuna compares no more than one value on the way
            trial.report(epoch.metric, epoch.number)
            compared = trial.user_attrs.get("warm_start") == AS_CONFIGURED
            if not compared and trial.should_prune():
                self.study.tell(trial, state=TrialState.PRUNED)
                _log(trial, epoch, self.params.metric, "pruned")
                return True
        return False

    def _fail(self, trial: Trial, reason: str) -> None:
        trial.set_user_attr("error", reason)
        self.study.tell(trial, state=TrialState.FAIL)


def is_finished(trial: FrozenTrial) -> bool:
    """Return whether a trial counts: it ended by itself, and not as another's twin."""
    if trial.state == TrialState.FAIL:
        facts = trial.user_attrs
        return "error" in facts or facts.get("retries", 0) >= RETRIES
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def _log(trial: Trial, epoch: Epoch, metric: str, end: str) -> None:
    logger.info(
        "trial %d %s: %s %.4f after %d epochs of %.0f s together",
        *(trial.number, end, metric, epoch.best, epoch.number, epoch.seconds),
    )
