"""Tells when a run builds on outputs that it would not make so itself.

Kedro's `--only-missing-outputs` and `--from-nodes` look at names of files only. The
outputs may be of other data or parameters, or of a run that was killed halfway.
"""

import hashlib
import inspect
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from pydantic import BaseModel

from tronrec.datasets.checkpoint import ModelDataset
from tronrec.datasets.raw_log import RawLogDataset
from tronrec.hooks.guard import is_file, lock_folder
from tronrec.hooks.recipes import UNFINISHED, RecipeBook

logger = logging.getLogger(__name__)


class StaleOutputs:
    """Keeps the recipes of outputs, and warns of those that a run would not make so."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._catalog = DataCatalog()
        self._book = RecipeBook(self._catalog, None)
        self._wanted: dict[str, str] = {}
        self._in_progress: set[str] = set()
        """Outputs that a node of this run yields, part by part."""
        self._unchanged: set[str] = set()
        """Outputs that a node has left as they are, made by whatever run."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find out where the data root is."""
        self._folder = lock_folder(context)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Compare the recipes of outputs that this run leaves alone."""
        self._catalog, self._book = catalog, RecipeBook(catalog, self._folder)
        self._in_progress = set()
        names = run_params.get("pipeline_names") or ["__default__"]
        whole: Pipeline = sum((pipelines[name] for name in names), Pipeline([]))
        self._wanted = self._find_recipes(whole)
        made = pipeline.all_outputs()
        if run_params.get("only_missing_outputs"):
            made = {name for name in made if not catalog.exists(name)}
        kept = [
            name
            for node in whole.nodes
            for name in node.outputs
            if name not in made and catalog.exists(name)
        ]
        _warn(
            "An earlier run has not finished %s, and this run does not go on there. To "
            "do so, give --from-nodes=%s",
            *(whole, kept, self._book.is_unfinished),
        )
        _warn(
            "Other data or parameters have made %s, and this run does not make them "
            "again. To do so, give --from-nodes=%s",
            *(whole, kept, self._is_stale),
        )

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Note that what the node needs is finished, if this run has made it."""
        for name in self._in_progress.intersection(node.inputs):
            self._finish(name)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Note that the output may soon be of another recipe."""
        self._unchanged.discard(dataset_name)
        dataset = self._catalog.get(dataset_name)
        if isinstance(dataset, ModelDataset) and dataset.holds(data):
            self._unchanged.add(dataset_name)
            return
        noted = self._book.read(dataset_name)
        self._book.note(dataset_name, [*noted, *self._recipe(dataset_name, node)])

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Note that the output is of this run's recipe."""
        if dataset_name not in self._unchanged:
            self._book.note(dataset_name, self._recipe(dataset_name, node))

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Note that all is finished."""
        for name in set(self._in_progress):
            self._finish(name)

    def _recipe(self, name: str, node: Node) -> list[str]:
        """Return what is to be noted of an output while its node saves it."""
        recipe = [self._wanted.get(name, "")]
        inputs = [name for name in node.inputs if is_file(name, self._catalog)]
        if any(map(self._book.is_unfinished, inputs)):
            return [*recipe, UNFINISHED]
        if inspect.isgeneratorfunction(node.func):
            self._in_progress.add(name)
            return [*recipe, UNFINISHED]
        return recipe

    def _finish(self, name: str) -> None:
        self._in_progress.discard(name)
        self._book.note(name, [self._wanted.get(name, "")])

    def _find_recipes(self, pipeline: Pipeline) -> dict[str, str]:
        """Return the recipe of every dataset, inputs of the pipeline first."""
        recipes = {name: self._describe(name) for name in pipeline.inputs()}
        for node in pipeline.nodes:
            dataset, *_, verb = node.name.split(".")  # its stage changes nothing
            parts = [f"{dataset}.{verb}", *(recipes[name] for name in node.inputs)]
            digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
            recipes |= dict.fromkeys(node.outputs, digest)
        return recipes

    def _describe(self, name: str) -> str:
        """Return what identifies an input: its value, its raw files, or its recipe."""
        if name.startswith("params:") or name == "parameters":
            value = self._catalog.load(name)
            return str(value.model_dump() if isinstance(value, BaseModel) else value)
        dataset = self._catalog.get(name)
        if isinstance(dataset, RawLogDataset) and dataset.exists():
            return dataset.fingerprint()
        return "".join(self._book.read(name))

    def _is_stale(self, name: str) -> bool:
        """Return whether an output is, or may be, of another recipe; unknown is not."""
        return bool({*self._book.read(name)} - {self._wanted[name], UNFINISHED})


def _warn(
    message: str, whole: Pipeline, names: list[str], applies: Callable[[str], bool]
) -> None:
    """Log the names to which something applies, and the nodes that make them."""
    named = [name for name in names if applies(name)]
    nodes = [node.name for node in whole.nodes if {*node.outputs} & {*named}]
    if named:
        logger.warning(message, ", ".join(named), ",".join(nodes))
