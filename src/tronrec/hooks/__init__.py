"""What happens around a run: versions, pipelines, claims, recipes, times, MLflow."""

from tronrec.hooks.configured_pipelines import ConfiguredPipelines, use_config
from tronrec.hooks.guard import RunCatalog, RunGuard
from tronrec.hooks.mlflow_runs import MlflowRuns
from tronrec.hooks.node_runs import NodeRuns
from tronrec.hooks.project_version import ProjectVersion
from tronrec.hooks.stale_outputs import StaleOutputs
from tronrec.hooks.thread_policy import ThreadPolicy

__all__ = [
    "ConfiguredPipelines",
    "MlflowRuns",
    "NodeRuns",
    "ProjectVersion",
    "RunCatalog",
    "RunGuard",
    "StaleOutputs",
    "ThreadPolicy",
    "use_config",
]
