"""Notes how each node ended and how long it took; the graph shows it.

Kedro-Viz has a hook of its own for this. It knows runs without any option, of which the
last is all it keeps; a run here is of a pipeline, and often of a part of one.
"""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Node

from tronrec.errors import UserError
from tronrec.hooks.guard import lock_folder
from tronrec.hooks.shared_record import SharedRecord

logger = logging.getLogger(__name__)

KIND = "node_runs"
"""The entry `<data set>.node_runs` of the catalog."""


class NodeRuns:
    """Keeps the last run of each node, of whatever pipeline.

    A node is over with its last output. One that yields saves many times, long after it
    has returned, so every time counts until the next.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._record = SharedRecord(DataCatalog(), KIND, None)
        self._begun: dict[str, float] = {}
        self._newest: str | None = None
        """The node that was seen last."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find out where the data root is."""
        self._folder = lock_folder(context)

    @hook_impl
    def before_pipeline_run(self, catalog: DataCatalog) -> None:
        """Forget the run before, of which there may be one in a notebook."""
        self._record = SharedRecord(catalog, KIND, self._folder)
        self._begun, self._newest = {}, None

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Take the time at which the node gets the first of its inputs."""
        self._newest = node.name
        self._begun.setdefault(node.name, time.monotonic())

    @hook_impl
    def after_dataset_saved(self, node: Node) -> None:
        """Note that the node has done this much of its work."""
        self._newest = node.name
        self._note(node.name, None)

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Take the blame from what other threads do."""
        self._newest = node.name

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Note with what the node has ended that was seen last.

        On a full disk this may be impossible, and is not what the user has to read.
        """
        if self._newest is not None:
            try:
                self._note(self._newest, str(error))
            except (DatasetError, UserError) as problem:
                logger.warning("How the run has ended is not noted: %s", problem)

    def _note(self, name: str, error: str | None) -> None:
        seconds = time.monotonic() - self._begun.get(name, time.monotonic())
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        run = {"ended": ended, "seconds": round(seconds, 3), "error": error}
        self._record.note(name, run)
