"""What happens around a run: versions, pipelines, claims, recipes, MLflow."""

from tronrec.hooks.configured_pipelines import ConfiguredPipelines, use_config
from tronrec.hooks.guard import RunCatalog, RunGuard
from tronrec.hooks.mlflow_runs import MlflowRuns
from tronrec.hooks.project_version import ProjectVersion
from tronrec.hooks.stale_outputs import StaleOutputs
from tronrec.hooks.thread_policy import ThreadPolicy

__all__ = [
    "ConfiguredPipelines",
    "MlflowRuns",
    "ProjectVersion",
    "RunCatalog",
    "RunGuard",
    "StaleOutputs",
    "ThreadPolicy",
    "use_config",
]
