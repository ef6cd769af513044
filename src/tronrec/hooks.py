"""Tells when a run builds on outputs that other data or parameters have made.

Kedro's `--only-missing-outputs` and `--from-nodes` look at names of files only. Beside
them is kept of which recipe each output is: its node, and the recipes of all that went
in, down to the raw files and the parameters.
"""

import hashlib
import json
import logging
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from pydantic import BaseModel

from tronrec.datasets.raw_log import RawLogDataset

logger = logging.getLogger(__name__)

Recipes = dict[str, list[str]]
"""Output -> its possible recipes: two while it is replaced, and after a kill then."""


class StaleOutputs:
    """Keeps the recipes of outputs, and warns of those that a run would not make so."""

    def __init__(self) -> None:
        self._catalog: DataCatalog = DataCatalog()
        self._wanted: dict[str, str] = {}

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Compare the recipes of outputs that this run leaves alone."""
        self._catalog = catalog
        names = run_params.get("pipeline_names") or ["__default__"]
        whole: Pipeline = sum((pipelines[name] for name in names), Pipeline([]))
        self._wanted = self._find_recipes(whole)
        made = (
            {output for node in pipeline.nodes for output in node.outputs}
            if not run_params.get("only_missing_outputs")
            else set()
        )
        stale = [
            name
            for node in whole.nodes
            for name in node.outputs
            if name not in made and catalog.exists(name) and self._is_stale(name)
        ]
        if stale:
            start = [n.name for n in whole.nodes if {*n.outputs} & {*stale}]
            logger.warning(
                "Other data or parameters have made %s, and this run does not make "
                "them again. To do so, give --from-nodes=%s",
                ", ".join(stale),
                ",".join(start),
            )

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Note that the output may soon be of another recipe."""
        old = self._read(dataset_name).get(dataset_name, [])
        self._note(dataset_name, [*old, self._wanted.get(dataset_name, "")])

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Note that the output is of this run's recipe."""
        self._note(dataset_name, [self._wanted.get(dataset_name, "")])

    def _find_recipes(self, pipeline: Pipeline) -> dict[str, str]:
        """Return the recipe of every dataset, inputs of the pipeline first."""
        recipes = {name: self._describe(name) for name in pipeline.inputs()}
        for node in pipeline.nodes:
            parts = [node.name, *(recipes[name] for name in node.inputs)]
            digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
            recipes |= dict.fromkeys(node.outputs, digest)
        return recipes

    def _describe(self, name: str) -> str:
        """Return what identifies an input: value, state of files, or its own recipe."""
        if name.startswith("params:") or name == "parameters":
            value = self._catalog.load(name)
            return str(value.model_dump() if isinstance(value, BaseModel) else value)
        dataset = self._catalog.get(name)
        if isinstance(dataset, RawLogDataset) and dataset.exists():
            return dataset.fingerprint()
        return "".join(self._read(name).get(name, []))

    def _is_stale(self, name: str) -> bool:
        """Return whether an output is, or may be, of another recipe; unknown is not."""
        return any(
            recipe != self._wanted[name] for recipe in self._read(name).get(name, [])
        )

    def _read(self, name: str) -> Recipes:
        record = _record_of(name)
        if record not in self._catalog or not self._catalog.exists(record):
            return {}
        recipes: Recipes = self._catalog.load(record)
        return recipes

    def _note(self, name: str, recipes: list[str]) -> None:
        record = _record_of(name)
        if record in self._catalog:
            known = self._read(name) | {name: sorted({*recipes})}
            self._catalog.save(record, known)


def _record_of(name: str) -> str:
    return f"{name.partition('.')[0]}.recipes"
