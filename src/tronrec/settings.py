"""Kedro's settings for this project."""

from tronrec.config import SystemConfigLoader
from tronrec.hooks import RunCatalog, RunGuard, StaleOutputs, ThreadPolicy

CONFIG_LOADER_CLASS = SystemConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},  # an environment states differences only
}
DATA_CATALOG_CLASS = RunCatalog
HOOKS = (ThreadPolicy(), RunGuard(), StaleOutputs())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-viz",)  # they write .viz/ on every run
