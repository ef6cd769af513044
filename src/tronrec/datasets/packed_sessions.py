"""Packed sessions as catalog entries."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from tronrec.data.packed import PackedSessions
from tronrec.datasets.previews import show_table


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

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first sessions for Kedro-Viz."""
        packed = self.load()
        ends = packed.offsets[1 : nrows + 1]
        sessions = zip(packed.offsets, ends, strict=False)
        rows = [
            (number, " ".join(map(str, packed.items[begin:end])))
            for number, (begin, end) in enumerate(sessions)
        ]
        return show_table(["session", "items, by their numbers"], rows)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
