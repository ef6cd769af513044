"""Kedro's configuration, with the parameter block of every data set filled in.

Nodes, Kedro-Viz, notebooks and run.json read parameters through this loader, so all of
them see every number that a run depends on.
"""

from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from tronrec.errors import UserError
from tronrec.systems import resolve_parameters


class SystemConfigLoader(OmegaConfigLoader):
    """Kedro's loader, except that parameters come complete and checked."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the configuration of type `key`, such as "parameters" or "catalog"."""
        try:
            config = super().__getitem__(key)
        except (YAMLError, OmegaConfBaseException) as error:
            raise UserError(f"The {key} in conf/ cannot be read: {error}") from error
        return resolve_parameters(config) if key == "parameters" else config
