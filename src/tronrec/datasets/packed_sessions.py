"""Packed sessions as catalog entries."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from tronrec.data.packed import PackedSessions


class PackedSessionsDataset(AbstractDataset[PackedSessions, PackedSessions]):
    """A safetensors file, mapped into memory on load and replaced in one move."""

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name the file.

        Args:
            filepath: The file.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> PackedSessions:
        """Return the sessions; their pages are read as they are used."""
        return PackedSessions.load(self._filepath)

    def save(self, data: PackedSessions) -> None:
        """Write the file whole."""
        data.save(self._filepath)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
