"""Of which recipe each output is, in one file a data set.

A recipe identifies the node that made an output and all that went in, down to the raw
files and the parameters.
"""

from pathlib import Path

from kedro.io import DataCatalog

from tronrec.hooks.shared_record import SharedRecord

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
        self._record = SharedRecord(catalog, "recipes", folder)

    def read(self, name: str) -> list[str]:
        """Return the possible recipes of an output: none if it is of unknown origin.

        There are two while it is replaced, and after a run that was killed then.
        """
        recipes: list[str] = self._record.read(name).get(name, [])
        return recipes

    def note(self, name: str, recipes: list[str]) -> None:
        """Note the possible recipes of an output, while other runs note others."""
        self._record.note(name, sorted({*recipes}))

    def is_unfinished(self, name: str) -> bool:
        """Return whether an output, or what it was made from, is not complete."""
        return UNFINISHED in self.read(name)
