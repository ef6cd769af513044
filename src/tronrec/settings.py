"""Kedro's settings for this project."""

import multiprocessing

from tronrec.config import SystemConfigLoader
from tronrec.hooks import (
    ConfiguredPipelines,
    MlflowRuns,
    NodeRuns,
    ProjectVersion,
    RunCatalog,
    RunGuard,
    StaleOutputs,
    ThreadPolicy,
)

# Polars hangs in a forked process, such as the one in which Kedro-Viz builds its site.
if multiprocessing.get_start_method(allow_none=True) is None:
    multiprocessing.set_start_method("spawn")

CONFIG_LOADER_CLASS = SystemConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*"]},
    "merge_strategy": {"parameters": "soft"},  # an environment states differences only
}
DATA_CATALOG_CLASS = RunCatalog
HOOKS = (
    ConfiguredPipelines(),
    ThreadPolicy(),
    RunGuard(),
    StaleOutputs(),
    NodeRuns(),
    ProjectVersion(),
    MlflowRuns(),
)
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-viz",)  # they write .viz/; see NodeRuns
