"""Any dataset of one local file, written in one move."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import HTMLPreview

from tronrec.datasets.previews import show_markdown, show_page
from tronrec.files import replacing

PAGES = {".md": show_markdown, ".html": show_page}
"""How texts are previewed, by the ending of the file."""


class WholeFileDataset(AbstractDataset[Any, Any]):
    """A file that another dataset reads and writes; a killed run leaves no half of it.

    Kedro's datasets write into the file itself. Here they get a path aside, and what
    they wrote takes the file's place. Kedro-Viz shows the other dataset's preview, and
    pages of text.
    """

    def __init__(
        self,
        *,
        filepath: str,
        dataset: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file.

        Args:
            filepath: The file.
            dataset: The entry of the other dataset, without its `filepath`.
            metadata: For Kedro-Viz; not used here.
        """
        self.filepath = Path(filepath)
        self._config = dataset
        self.metadata = metadata
        self._inner = self._open(self.filepath)
        if (preview := getattr(self._inner, "preview", None)) is not None:
            self.preview = preview
        elif self.filepath.suffix in PAGES:
            self.preview = self._show_page

    def _show_page(self) -> HTMLPreview:
        return PAGES[self.filepath.suffix](self.load())

    def _open(self, path: Path) -> AbstractDataset[Any, Any]:
        config = {**self._config, "filepath": str(path)}
        return AbstractDataset.from_config(self.filepath.name, config)

    def load(self) -> Any:
        """Return what the other dataset reads."""
        return self._inner.load()

    def save(self, data: Any) -> None:
        """Let the other dataset write the file aside, then put it in its place."""
        with replacing(self.filepath) as aside:
            self._open(aside).save(data)

    def _exists(self) -> bool:
        return self.filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self.filepath), "dataset": self._config}
