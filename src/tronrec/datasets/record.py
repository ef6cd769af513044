"""Numbers and names as JSON files that are written in one move."""

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from tronrec.datasets.previews import show_record
from tronrec.errors import UserError
from tronrec.files import replacing


class RecordDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """A JSON object, whose numbers are finite."""

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
            missing_ok: Whether a file that is not there is read as an empty object.
            metadata: For Kedro-Viz; not used here.
        """
        self._filepath = Path(filepath)
        self.optional = missing_ok
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return the object.

        Raises:
            UserError: The file was damaged by something else.
        """
        if self.optional and not self._exists():
            return {}
        try:
            record: dict[str, Any] = json.loads(self._filepath.read_bytes())
        except ValueError as error:
            raise UserError(
                f"{self._filepath}: no readable JSON ({error}); delete it and run the "
                "pipeline that makes it"
            ) from error
        return record

    def save(self, data: dict[str, Any]) -> None:
        """Write the file whole."""
        text = json.dumps(data, indent=2, allow_nan=False) + "\n"
        with replacing(self._filepath) as aside:
            aside.write_text(text, "utf-8")

    def preview(self) -> JSONPreview:
        """Return the text of the object for Kedro-Viz."""
        return show_record(self.load())

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "missing_ok": self.optional}
