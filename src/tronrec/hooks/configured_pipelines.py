"""Registers the pipelines of the data sets that a session's configuration names."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines

from tronrec.config import SystemConfigLoader


class ConfiguredPipelines:
    """Lets go of the pipelines of a former configuration that has other data sets."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Take the pipelines from the configuration of this session."""
        if isinstance(context.config_loader, SystemConfigLoader):
            use_config(context.config_loader)


def use_config(config: SystemConfigLoader) -> None:
    """Take the pipelines from this configuration."""
    former, SystemConfigLoader.in_use = SystemConfigLoader.in_use, config
    if former is None or _pipelines_of(former) != _pipelines_of(config):
        pipelines.configure("tronrec.pipeline_registry")


def _pipelines_of(config: SystemConfigLoader) -> tuple[object, ...]:
    return config.datasets, config.replayed
