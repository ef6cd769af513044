"""Where a study is kept, and which processes work on it.

Optuna's storages make single operations safe for several processes. What must not be
interrupted by another worker, such as counting trials and then starting one, is done
under a lock in the study's folder. A worker holds a lock of its own for as long as it
lives: the system frees it when the process ends, however that happens, so a trial that
was running in a killed process is found at once and without a guess about time.

Optuna is imported when a study is opened, so that nodes can name the types.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tronrec import locks
from tronrec.errors import UserError
from tronrec.params import SystemParams, TuningParams

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage

WAIT_FOR_SQLITE = 60
"""Seconds that a worker waits for another one to finish writing."""


@dataclass(frozen=True)
class StudyStorage:
    """A folder for a study, its lock and its workers; a database if there is one."""

    folder: Path
    dataset: str
    url: str | None = field(default=None, repr=False)
    """An SQLAlchemy URL; it may hold a password."""

    def open(self, params: TuningParams, epochs: int) -> "Study":
        """Return the study that the parameters name; it is made if it is not there.

        Args:
            params: Name, kind of storage, objectives and pruner.
            epochs: Epochs of a whole trial.

        Raises:
            UserError: The database cannot be reached, or a file is damaged.
        """
        from optuna import create_study
        from optuna.logging import WARNING, set_verbosity

        set_verbosity(WARNING)
        both = params.objectives == "accuracy_and_time"
        # Two workers at once would both find no tables, and make them.
        with self.explaining(), self.lock():
            return create_study(
                storage=self._connect(params.storage),
                study_name=f"{self.dataset}.{params.study}",
                directions=["maximize", "minimize"] if both else ["maximize"],
                pruner=_choose_pruner(params, epochs),
                load_if_exists=True,
            )

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Say in a user's words what keeps the study from being read or written.

        Raises:
            UserError: The database cannot be reached, or the disk is full.
        """
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, StorageInternalError, ImportError, OSError) as error:
            reason = error.__cause__ or error
            raise UserError(
                f"The storage of the study ({self.folder}, or the url of its "
                f"credentials) cannot be used: {reason}. Make room there, or mend the "
                "address; the same command goes on with the trials that are kept"
            ) from error

    def _connect(self, kind: str) -> "BaseStorage":
        from optuna.storages import JournalStorage, RDBStorage

        from tronrec.tuning.journal import Journal

        if self.url is None and kind == "journal":
            return JournalStorage(Journal(self.folder / "study.log"))
        if self.url is not None:
            return RDBStorage(self.url)
        url = f"sqlite:///{self.folder / 'study.db'}"
        return RDBStorage(
            url, engine_kwargs={"connect_args": {"timeout": WAIT_FOR_SQLITE}}
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other workers from opening the study, starting or reviving a trial."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locks.hold(self.folder / "lock"):
            yield

    @contextmanager
    def worker(self) -> Iterator[str]:
        """Give a name to this process; `dead_workers` has it when the process ends."""
        name = uuid4().hex
        path = self.folder / "workers" / name
        path.parent.mkdir(exist_ok=True)
        with ExitStack() as stack:
            with self.lock():
                stack.enter_context(locks.hold(path))
            yield name
            path.unlink()  # not after an error: a trial may be left

    @contextmanager
    def dead_workers(self) -> Iterator[set[str]]:
        """Give the names of workers whose process has ended; then forget them."""
        files = (self.folder / "workers").glob("*")
        dead = {path for path in files if locks.is_free(path)}
        yield {path.name for path in dead}
        for path in dead:
            path.unlink()


@dataclass(frozen=True)
class OpenedStudy:
    """A study and its parameters; the connection is made when it is needed."""

    storage: StudyStorage
    params: TuningParams
    base: SystemParams
    """The values of what is not searched."""

    def load(self) -> "Study":
        """Connect to the study."""
        return self.storage.open(self.params, self.base.training.epochs)


def _choose_pruner(params: TuningParams, epochs: int) -> "BasePruner":
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner

    match params.pruner:
        case "median":
            return MedianPruner()
        case "hyperband":
            return HyperbandPruner(max_resource=epochs)
        case "none":
            return NopPruner()
