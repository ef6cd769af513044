"""A live test in the service: which model answers whom, and what was shown.

The group follows from the visitor's id, so the service keeps nothing about visitors. A
list is logged before it is sent; one that cannot be logged is counted, and the visitor
gets it all the same.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tronrec.answers import Id
from tronrec.errors import UserError
from tronrec.experiment.assignment import Assignment
from tronrec.experiment.event_log import ExposureLog
from tronrec.files import refusing
from tronrec.serving.models import ModelStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Group:
    """A group of visitors: name, model, and weight."""

    name: str
    model: Path
    weight: float = 1

    @classmethod
    def read(cls, text: str) -> "Group":
        """Read `name=file` or `name=file:weight`.

        Raises:
            UserError: The text has another form.
        """
        name, _, rest = text.partition("=")
        path, _, weight = rest.rpartition(":")
        if not path:
            path, weight = rest, "1"
        try:
            if not (name and path):
                raise ValueError
            return cls(name, Path(path), float(weight))
        except ValueError:
            raise UserError(
                f"--group {text}: must be name=file or name=file:weight, such as "
                "tron_xl=data/06_models/otto/model.safetensors:0.5"
            ) from None


class LiveTest:
    """Divides visitors among models and logs what they are shown."""

    def __init__(
        self, assignment: Assignment, stores: Mapping[str, ModelStore], log: ExposureLog
    ) -> None:
        self.stores = dict(stores)
        self.shown, self.unlogged = 0, 0
        self._assignment, self._log = assignment, log

    @property
    def control(self) -> ModelStore:
        """The model of the first group."""
        return next(iter(self.stores.values()))

    def open(self, visitor: Id) -> "Seen":
        """Return which group a visitor is in; the id is not empty."""
        group = self._assignment.group(visitor)
        return Seen(self, visitor, group, self.stores[group])

    def show(self, visitor: Id, group: str, items: list[Id]) -> str | None:
        """Log that a visitor is shown a list; None: the log cannot be written."""
        try:
            number = self._log.show(visitor, group, items)
        except OSError as error:
            self.unlogged += 1
            logger.error("An exposure is not logged: %s", error)
            return None
        self.shown += 1
        return number

    def refresh(self) -> None:
        """Load the models whose files have changed."""
        for store in self.stores.values():
            store.refresh()

    def close(self) -> None:
        """Turn the log into parts; what cannot be one now will be when it is read."""
        try:
            self._log.close()
        except (OSError, UserError) as error:
            logger.error("%s; exposures wait in their segments", error)


@dataclass(frozen=True)
class Seen:
    """A visitor of the test, and the model that answers."""

    test: LiveTest
    visitor: Id
    group: str
    store: ModelStore

    def show(self, items: list[Id]) -> str | None:
        """Log that the visitor is shown a list, and return the exposure's id."""
        return self.test.show(self.visitor, self.group, items)


def open_test(
    groups: Sequence[str],
    salt: str | None,
    exposures: Path | None,
    load: Callable[[Path], ModelStore],
) -> LiveTest:
    """Return the test that the command line describes.

    Args:
        groups: Two or more, as `Group.read` takes them; the first is the control.
        salt: Name of the test.
        exposures: Folder of the log.
        load: Reads a model.

    Raises:
        UserError: Something is missing or given twice, or the folder cannot be written.
    """
    read = [Group.read(text) for text in groups]
    names = [group.name for group in read]
    if len(set(names)) < 2 or len(set(names)) < len(names):  # noqa: PLR2004
        raise UserError(
            f"--group {', '.join(names)}: a live test needs two groups or more, each "
            "with a name of its own"
        )
    if not salt or not exposures:
        raise UserError(
            "a live test needs --salt, its name, from which the groups are drawn, and "
            "--exposures, the folder of its log"
        )
    assignment = Assignment(salt, {group.name: group.weight for group in read})
    stores = {group.name: load(group.model) for group in read}
    with refusing(exposures):
        log = ExposureLog(exposures)
    return LiveTest(assignment, stores, log)
