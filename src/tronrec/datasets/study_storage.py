"""The storage of a study as a catalog entry; it may have a database's credentials."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from tronrec.errors import UserError
from tronrec.tuning.storage import StudyStorage


class StudyStorageDataset(AbstractDataset[StudyStorage, StudyStorage]):
    """A folder of a study, and a database where credentials name one; read only."""

    def __init__(
        self,
        *,
        filepath: str,
        dataset: str,
        credentials: dict[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the folder.

        Args:
            filepath: The folder.
            dataset: The data set, by which a database tells studies apart.
            credentials: `url`, an SQLAlchemy URL, for a database instead of a file.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self._dataset = dataset
        self._url = (credentials or {}).get("url")
        self.metadata = metadata
        if credentials is not None and self._url is None:
            raise UserError(
                f"The credentials of {dataset}.study_storage have no url; known: "
                f"{', '.join(credentials) or 'nothing'}"
            )

    def load(self) -> StudyStorage:
        """Return the storage; nothing is opened or written yet.

        Raises:
            UserError: Optuna is not installed.
        """
        if find_spec("optuna") is None:
            raise UserError(
                "Tuning needs Optuna, which is not installed: pip install "
                '"tronrec[tune]"'
            )
        return StudyStorage(self._filepath, self._dataset, self._url)

    def save(self, data: StudyStorage) -> None:
        """Refuse: trials are written as they run."""
        raise NotImplementedError("a study's storage is not saved")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "dataset": self._dataset}
