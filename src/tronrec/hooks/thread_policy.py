"""Settles how many threads compute before a run, and watches neighbours meanwhile."""

import logging
from contextlib import ExitStack

from kedro.framework.hooks import hook_impl

from tronrec.threads import Meter, Neighbours, settle_threads

logger = logging.getLogger(__name__)


class ThreadPolicy:
    """Sets the threads before torch is loaded, and tells the log."""

    def __init__(self) -> None:
        self._meter = Meter()  # what others use while the command starts
        self._watch = ExitStack()

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Settle the threads."""
        logger.info(settle_threads(self._meter.read()))
        self._watch.enter_context(Neighbours())

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Stop watching."""
        self._watch.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Stop watching."""
        self._watch.close()
