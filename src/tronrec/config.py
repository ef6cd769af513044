"""Kedro's configuration: which data sets there are, with all of their parameters.

Nodes, Kedro-Viz, notebooks and run.json read parameters through this loader, so all of
them see every number that a run depends on. Kedro asks for the pipelines without a
configuration; they are those of the newest one in use.
"""

import json
import os
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from kedro.config import OmegaConfigLoader
from kedro.framework.project import settings
from kedro.utils import find_kedro_project
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from tronrec.catalog import complete_catalog, find_datasets
from tronrec.errors import UserError
from tronrec.problems import as_block
from tronrec.systems import resolve_parameters


class SystemConfigLoader(OmegaConfigLoader):
    """Kedro's loader, except that catalog and parameters come complete and checked."""

    in_use: ClassVar[Self | None] = None
    """The configuration of the newest session."""

    @classmethod
    def open(
        cls,
        env: str | None = None,
        conf_source: str | None = None,
        runtime_params: dict[str, Any] | None = None,
    ) -> Self:
        """Return the configuration that a session with these options has.

        Raises:
            UserError: There is none.
        """
        project = find_kedro_project(Path.cwd()) or Path.cwd()
        conf_source = conf_source or str(project / settings.CONF_SOURCE)
        if not Path(conf_source).exists():
            raise UserError(
                f"No configuration in {conf_source}: go to a project's folder; "
                "`tronrec init myshop` makes one"
            )
        return cls(
            conf_source,
            env or os.getenv("KEDRO_ENV"),
            runtime_params,
            **settings.CONFIG_LOADER_ARGS,
        )

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the configuration of type `key`, such as "parameters" or "catalog"."""
        config = self._read(key)
        match key:
            case "catalog":
                return complete_catalog(config)
            case "parameters":
                return resolve_parameters(
                    config, self.datasets, self._find_tuned, self.runtime_params
                )
            case _:
                return config

    @cached_property
    def _stated(self) -> dict[str, dict[str, Any]]:
        return {}

    def _read(self, key: str) -> dict[str, Any]:
        """Return what files and command line state; the files are read once."""
        try:
            if key not in self._stated:
                self._stated[key] = dict(super().__getitem__(key))
            return deepcopy(self._stated[key])
        except (YAMLError, OmegaConfBaseException) as error:
            raise UserError(f"The {key} in conf/ cannot be read: {error}") from error

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """The names of all data sets."""
        return find_datasets(self._read("catalog"))

    @cached_property
    def replayed(self) -> frozenset[str]:
        """The data sets whose online test is replayed, since nobody has its logs."""
        stated = self._read("parameters")
        blocks = {name: as_block(name, stated.get(name)) for name in self.datasets}
        return frozenset(
            name
            for name, block in blocks.items()
            if (block.get("experiment") or {}).get("logs") == "replayed"
        )

    def _find_tuned(self, dataset: str) -> dict[str, Any]:
        """Return what tuning found best on `dataset`; the catalog says where it is.

        Raises:
            UserError: Tuning has not run, or its file is damaged.
        """
        entry = self._read("catalog")["{dataset}.tuned_system"]["filepath"]
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
