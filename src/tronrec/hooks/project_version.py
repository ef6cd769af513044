"""Tells when a project's configuration was written by another version of tronrec."""

import logging

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from tronrec.starter import PYPROJECT, ProjectNotes
from tronrec.version import __version__

logger = logging.getLogger(__name__)


class ProjectVersion:
    """Compares the version in the project's folder with the installed one."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Warn before anything is read that the other version may not know."""
        written = ProjectNotes.read(context.project_path).version
        if written is not None and written != __version__:
            logger.warning(
                "conf/base and conf/sample are those of tronrec %s, and this is "
                "tronrec %s. `tronrec init` in a new folder writes the present ones: "
                "compare, take them over, and then change the version in %s",
                *(written, __version__, PYPROJECT),
            )
