"""Kedro's configuration, with the parameter block of every data set filled in.

Nodes, Kedro-Viz, notebooks and run.json read parameters through this loader, so all of
them see every number that a run depends on.
"""

import json
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project
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
        if key != "parameters":
            return config
        return resolve_parameters(config, self._find_tuned, self.runtime_params)

    def _find_tuned(self, dataset: str) -> dict[str, Any]:
        """Return what tuning found best on `dataset`; the catalog says where it is.

        Raises:
            UserError: Tuning has not run, or its file is damaged.
        """
        entry = self["catalog"]["{dataset}.tuned_system"]["filepath"]
        project = find_kedro_project(Path.cwd()) or Path()
        path = project / entry.format(dataset=dataset)
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError as error:
            raise UserError(
                f"{path}: tuning has not run; `kedro run "
                f"--pipelines=tune_{dataset} --params={dataset}.system=tron_xl` "
                "makes it"
            ) from error
        except ValueError as error:
            raise UserError(f"{path}: not readable ({error}); delete it") from error
