"""One file for each data set that several runs change at once, entry by entry."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from kedro.io import DataCatalog

from tronrec import locks
from tronrec.files import refusing


class SharedRecord:
    """The entries that runs on a data root have noted, each in its file's record."""

    def __init__(self, catalog: DataCatalog, kind: str, folder: Path | None) -> None:
        """Name the files.

        Args:
            catalog: Its entries `<data set>.<kind>` are the files; where there is none,
                nothing is noted.
            kind: The last part of their names.
            folder: Where the locks of the data root are, or None if nobody else writes.
        """
        self._catalog, self._kind, self._folder = catalog, kind, folder

    def read(self, name: str) -> dict[str, Any]:
        """Return what is noted in the file of a node, or of a data set's output."""
        file = self._file_of(name)
        if file not in self._catalog or not self._catalog.exists(file):
            return {}
        noted: dict[str, Any] = self._catalog.load(file)
        return noted

    def note(self, name: str, value: Any) -> None:
        """Note a value under a name, while other runs note others.

        Names are in order, whichever was noted first: a run that was killed and gone
        on with leaves what an unbroken one does.
        """
        file = self._file_of(name)
        if file not in self._catalog:
            return
        with self._locked(file):
            noted = self.read(name)
            if noted.get(name) != value:
                names = sorted((noted | {name: value}).items())
                self._catalog.save(file, dict(names))

    def _file_of(self, name: str) -> str:
        return f"{name.partition('.')[0]}.{self._kind}"

    @contextmanager
    def _locked(self, file: str) -> Iterator[None]:
        with ExitStack() as stack:
            if self._folder is not None:
                with refusing(self._folder):
                    self._folder.mkdir(parents=True, exist_ok=True)
                    lock = locks.hold(self._folder / f"{file}.lock")
                    stack.enter_context(lock)
            yield
