"""Of which recipe each output is, in one file a data set.

A recipe identifies the node that made an output and all that went in, down to the raw
files and the parameters.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from kedro.io import DataCatalog

from tronrec import locks

UNFINISHED = "unfinished"
"""Stands among the recipes of an output whose node has not yielded all of it."""


class RecipeBook:
    """The recipes that the runs on a data root have noted."""

    def __init__(self, catalog: DataCatalog, folder: Path | None) -> None:
        """Name the files.

        Args:
            catalog: It has an entry `<data set>.recipes`; without, nothing is noted.
            folder: Where the locks of the data root are, or None if nobody else writes.
        """
        self._catalog, self._folder = catalog, folder

    def read(self, name: str) -> list[str]:
        """Return the possible recipes of an output: none if it is of unknown origin.

        There are two while it is replaced, and after a run that was killed then.
        """
        return self._load(_entry_of(name)).get(name, [])

    def note(self, name: str, recipes: list[str]) -> None:
        """Note the possible recipes of an output, while other runs note others."""
        entry = _entry_of(name)
        if entry not in self._catalog:
            return
        with self._lock(entry):
            noted = self._load(entry)
            changed = noted | {name: sorted({*recipes})}
            if changed != noted:
                self._catalog.save(entry, changed)

    def is_unfinished(self, name: str) -> bool:
        """Return whether an output, or what it was made from, is not complete."""
        return UNFINISHED in self.read(name)

    def _load(self, entry: str) -> dict[str, list[str]]:
        if entry not in self._catalog or not self._catalog.exists(entry):
            return {}
        recipes: dict[str, list[str]] = self._catalog.load(entry)
        return recipes

    def _lock(self, entry: str) -> AbstractContextManager[Any]:
        if self._folder is None:
            return nullcontext()
        self._folder.mkdir(parents=True, exist_ok=True)
        return locks.hold(self._folder / f"{entry}.lock")


def _entry_of(name: str) -> str:
    return f"{name.partition('.')[0]}.recipes"
