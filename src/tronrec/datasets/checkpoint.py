"""Checkpoints and models as catalog entries."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from tronrec.checkpoint import Checkpoint
from tronrec.errors import UserError

SUFFIX = ".safetensors"


class CheckpointDataset(AbstractDataset[Checkpoint, Checkpoint | None]):
    """Tensors and facts in a safetensors file that is replaced in one move."""

    def __init__(
        self,
        *,
        filepath: str,
        missing_ok: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file.

        Args:
            filepath: The file.
            missing_ok: Whether a file that is not there is read as None.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self._missing_ok = missing_ok
        self.metadata = metadata

    def load(self) -> Checkpoint | None:
        """Read the file, or return None where that is fine."""
        if self._missing_ok and not self._filepath.exists():
            return None
        if not self._filepath.exists():
            raise UserError(
                f"{self._filepath}: no such file; the train_* pipeline writes it"
            )
        return Checkpoint.load(self._filepath)

    def save(self, data: Checkpoint) -> None:
        """Write the file whole."""
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        data.save(self._filepath)

    def _exists(self) -> bool:
        return self._missing_ok or self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "missing_ok": self._missing_ok}


Loaders = dict[str, Callable[[], Checkpoint]]


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
