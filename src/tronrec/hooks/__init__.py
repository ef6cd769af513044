"""What happens around a run: pipelines, claims on outputs, their recipes, threads."""

from tronrec.hooks.configured_pipelines import ConfiguredPipelines, use_config
from tronrec.hooks.guard import RunCatalog, RunGuard
from tronrec.hooks.stale_outputs import StaleOutputs
from tronrec.hooks.thread_policy import ThreadPolicy

__all__ = [
    "ConfiguredPipelines",
    "RunCatalog",
    "RunGuard",
    "StaleOutputs",
    "ThreadPolicy",
    "use_config",
]
