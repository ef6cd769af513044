"""What happens around a run: claims on its outputs, their recipes, its threads."""

from tronrec.hooks.guard import RunCatalog, RunGuard
from tronrec.hooks.stale_outputs import StaleOutputs
from tronrec.hooks.thread_policy import ThreadPolicy

__all__ = ["RunCatalog", "RunGuard", "StaleOutputs", "ThreadPolicy"]
