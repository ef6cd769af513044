"""Checkpoints and models as catalog entries."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from tronrec.checkpoint import Checkpoint
from tronrec.datasets.previews import show_record
from tronrec.errors import UserError

logger = logging.getLogger(__name__)

SUFFIX = ".safetensors"


class CheckpointDataset(AbstractDataset[Checkpoint, Checkpoint]):
    """Tensors and facts in a safetensors file that is replaced in one move."""

    def __init__(
        self,
        *,
        filepath: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file.

        Args:
            filepath: The file.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self.metadata = metadata

    @property
    def filepath(self) -> Path:
        """The file."""
        return self._filepath

    def load(self) -> Checkpoint:
        """Read the file.

        Raises:
            UserError: It is not there, or damaged.
        """
        if not self._filepath.exists():
            raise UserError(
                f"{self._filepath}: no such file; the train_* pipeline writes it"
            )
        return Checkpoint.load(self._filepath)

    def save(self, data: Checkpoint) -> None:
        """Write the file whole."""
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        data.save(self._filepath)

    def preview(self) -> JSONPreview:
        """Return the facts for Kedro-Viz."""
        checkpoint = Checkpoint.load(self._filepath, facts_only=True)
        return show_record(checkpoint.facts.model_dump(mode="json"))

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class ModelDataset(CheckpointDataset):
    """A trained model; one that is there already is not written again.

    A service takes every file that is written for another model.
    """

    def __init__(
        self,
        *,
        filepath: str,
        written_as: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file.

        Args:
            filepath: The file.
            written_as: The entry by which it is written, if this one only reads it.
            metadata: For Kedro-Viz; not used here.
        """
        super().__init__(filepath=filepath, metadata=metadata)
        self.written_as = written_as

    def save(self, data: Checkpoint) -> None:
        """Write the file whole, unless it is that of this very model."""
        if not self.holds(data):
            super().save(data)

    def holds(self, model: Checkpoint) -> bool:
        """Return whether the file is that of this very model."""
        if not self._filepath.exists():
            return False
        try:
            before = Checkpoint.load(self._filepath, facts_only=True)
        except UserError:
            return False  # whatever it was, it is no model
        return before.facts == model.facts


Loaders = dict[str, Callable[[], Checkpoint]]


class TrainingDataset(CheckpointDataset):
    """The checkpoint of the newest training; those of other ones are kept beside it.

    What decides the weights, parameters and data, makes a training. Its later epochs
    replace its earlier ones.
    """

    def __init__(
        self, *, filepath: str, others: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name file and folder.

        Args:
            filepath: The file of the newest training.
            others: The folder to which the file of another training is moved, under
                the key of that training and the number of its epochs.
            metadata: For Kedro-Viz; not used here.
        """
        super().__init__(filepath=filepath, metadata=metadata)
        self._others = Path(others)

    def save(self, data: Checkpoint) -> None:
        """Write the file whole, after that of another training was moved away."""
        if self._filepath.exists():
            before = Checkpoint.load(self._filepath, facts_only=True).state
            epochs = len(before.history)
            if before.key != data.state.key or epochs > len(data.state.history):
                kept = self._others / f"{before.key}-{epochs}{SUFFIX}"
                self._others.mkdir(parents=True, exist_ok=True)
                self._filepath.replace(kept)
                logger.info("The checkpoint of another training is kept as %s", kept)
        super().save(data)
        for file in self._others.glob(f"{data.state.key}-*{SUFFIX}"):
            if int(file.stem.partition("-")[2]) <= len(data.state.history):
                file.unlink()  # gone on with


class LastTrainingsDataset(AbstractDataset[Loaders, Loaders]):
    """What `TrainingDataset` has kept, by the keys of the trainings; read only."""

    def __init__(
        self, *, filepath: str, others: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name file and folder.

        Args:
            filepath: The file of the newest training.
            others: The folder of the other ones.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath, self._others = Path(filepath), Path(others)
        self.metadata = metadata

    def load(self) -> Loaders:
        """Return a function for each training that reads its checkpoint, newest first.

        Raises:
            UserError: The newest one is damaged.
        """
        loaders: Loaders = {}
        if self._filepath.exists():
            newest = Checkpoint.load(self._filepath, facts_only=True).state
            loaders[newest.key] = partial(Checkpoint.load, self._filepath)
        for file in self._kept():
            key = file.stem.partition("-")[0]
            loaders.setdefault(key, partial(Checkpoint.load, file))
        return loaders

    def _kept(self) -> list[Path]:
        """Return the files of other trainings, the newest first."""
        files = self._others.glob(f"[!.]*{SUFFIX}")
        return sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)

    def remove_old(self, keep: int) -> list[str]:
        """Remove all other trainings but the newest; return the names of the files."""
        old = self._kept()[keep:]
        for file in old:
            file.unlink()
        return [file.name for file in old]

    def save(self, data: Loaders) -> None:
        """Refuse: a training is saved under its other name."""
        raise NotImplementedError("trainings are saved one by one")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "others": str(self._others)}


class CheckpointFolderDataset(AbstractDataset[dict[str, Checkpoint], Loaders]):
    """A folder with a checkpoint for each name, read one by one as they are needed.

    What is saved replaces the checkpoints of its names and leaves the others. A folder
    that is not there has no checkpoints.
    """

    optional = True

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name the folder.

        Args:
            filepath: The folder.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Loaders:
        """Return a function for each name that reads its checkpoint."""
        files = sorted(self._filepath.glob(f"[!.]*{SUFFIX}"))
        return {file.stem: partial(Checkpoint.load, file) for file in files}

    def save(self, data: dict[str, Checkpoint]) -> None:
        """Write each file whole."""
        self._filepath.mkdir(parents=True, exist_ok=True)
        for name, checkpoint in data.items():
            checkpoint.save(self._filepath / f"{name}{SUFFIX}")

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
