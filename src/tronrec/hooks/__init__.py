"""What happens around a run: claims on its outputs, and the recipes of those."""

from tronrec.hooks.guard import RunCatalog, RunGuard
from tronrec.hooks.stale_outputs import StaleOutputs

__all__ = ["RunCatalog", "RunGuard", "StaleOutputs"]
