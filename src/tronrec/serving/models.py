"""The model that answers, and how a new one takes its place.

A file that has changed is read beside the model in use, tried, and swapped in between
two batches. One that is damaged is refused, and the model in use stays.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from tronrec.answers import Answer, Request
from tronrec.checkpoint import Checkpoint
from tronrec.device import choose_device
from tronrec.errors import UserError
from tronrec.model_file import ModelFile
from tronrec.params import Search
from tronrec.recommend import TrainedModel
from tronrec.serving.items import ItemFinder

logger = logging.getLogger(__name__)


class Given(NamedTuple):
    """An answer, and which model has given it."""

    answer: Answer
    model: str


@dataclass(frozen=True)
class Loaded:
    """A model in use."""

    model: TrainedModel
    items: ItemFinder
    since: datetime

    @property
    def name(self) -> str:
        """The system, and when it was trained."""
        card = self.model.card
        return f"{card.system} of {card.trained.isoformat(timespec='seconds')}"


Identity = tuple[int, int, int]


class ModelStore:
    """The model of a file, as the file is now."""

    def __init__(
        self,
        path: Path,
        device: str,
        details: pl.DataFrame | None = None,
        search: Search = "exact",
    ) -> None:
        """Load the model.

        Args:
            path: The file that a train_* pipeline wrote.
            device: `cpu`, `cuda` or `auto`.
            details: Titles and pictures of items.
            search: How the best items are found.

        Raises:
            UserError: There is no such file, or it holds no model that answers.
        """
        self._path, self._device, self._details = path, device, details
        self._search: Search = search
        if not path.is_file():
            raise UserError(f"{path}: no such file; the train_* pipelines write models")
        self._seen = self._identify()
        self.loaded, self.refused = 1, 0
        self.current = self._load()

    def answer(self, requests: Sequence[Request]) -> list[Given]:
        """Return the answers of the model in use now."""
        current = self.current
        return [Given(one, current.name) for one in current.model.answer(requests)]

    def refresh(self) -> None:
        """Load the file if it has changed; otherwise, or if it is damaged, do nothing.

        It is not tried again until it changes again.
        """
        identity = self._identify()
        if identity is None or identity == self._seen:
            return
        self._seen = identity
        try:
            self.current = self._load()
        except Exception as error:  # whatever is wrong with it, the old one stays
            self.refused += 1
            logger.error("Refused the new model, the old one stays: %s", error)
        else:
            self.loaded += 1
            logger.info("The model is now %s", self.current.name)

    def _identify(self) -> Identity | None:
        """Return what changes when the file does; None: there is none at the moment."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _load(self) -> Loaded:
        """Return the model of the file, once it has answered.

        Tensors are copied: they would change with the file, or vanish with its end.
        """
        file = Checkpoint.load(self._path)
        copied = {name: tensor.clone() for name, tensor in file.tensors.items()}
        model = TrainedModel(
            ModelFile.read(Checkpoint(copied, file.facts)),
            choose_device(self._device),
            self._search,
        )
        _try(model, self._path)
        return Loaded(model, ItemFinder(model, self._details), datetime.now(UTC))


def _try(model: TrainedModel, path: Path) -> None:
    """Raise an error if a model cannot recommend; NaN would get lost in a search."""
    first = model.item_ids[0]
    [answer] = model.answer([Request([first], k=1, allow=[first])])
    if not np.isfinite(answer.scores).all():
        raise UserError(
            f"{path}: the model's scores are not finite; train it again with a lower "
            "training.learning_rate"
        )
    model.answer([Request([first])])
