"""The folders of finished runs as a catalog entry."""

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from tronrec.datasets.previews import show_table
from tronrec.run_folders import Content, FinishedRun, keep_run, read_runs, remove_old


class RunsDataset(AbstractDataset[dict[str, Content], list[FinishedRun]]):
    """A folder with a folder for each run: one more on save, all of them on load."""

    def __init__(
        self, *, filepath: str, newest: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name folder and file.

        Args:
            filepath: The folder.
            newest: The record of the newest run, `run.json`.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath, self._newest = Path(filepath), Path(newest)
        self.metadata = metadata

    def load(self) -> list[FinishedRun]:
        """Return all runs, the oldest first."""
        return read_runs(self._filepath)

    def save(self, data: dict[str, Content]) -> None:
        """Write a folder, whole, with a file for each entry."""
        keep_run(self._filepath, data)

    def remove_old(self, keep: int) -> list[str]:
        """Remove all runs but the newest ones; return the names of those removed."""
        return remove_old(self._filepath, keep)

    def preview(self) -> TablePreview:
        """Return what the runs have measured for Kedro-Viz."""
        metrics = {run.name: run.record["metrics"]["metrics"] for run in self.load()}
        names = list(dict.fromkeys(name for run in metrics.values() for name in run))
        rows = [
            (run, *(f"{measured[n]:.4f}" if n in measured else None for n in names))
            for run, measured in metrics.items()
        ]
        return show_table(["run", *names], rows)

    def _exists(self) -> bool:
        """Return whether the newest run has its folder."""
        if not self._newest.is_file():
            return False
        try:
            newest = json.loads(self._newest.read_bytes())
        except ValueError:
            return False  # it was damaged, and is made again
        return newest in [run.record for run in self.load()]

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "newest": str(self._newest)}
