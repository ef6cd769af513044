"""Looks before a run whether it can be done: nobody in its way, everything there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from tronrec.claims import Claim, claimed
from tronrec.datasets.event_log import EventLogDataset
from tronrec.datasets.raw_log import RawLogDataset
from tronrec.datasets.study_storage import StudyStorageDataset
from tronrec.errors import UserError
from tronrec.hooks.recipes import RecipeBook
from tronrec.interrupts import stop_what_is_left
from tronrec.pipelines.tuning.pipeline import SHARED

TOLD_BY_LOADING = RawLogDataset, EventLogDataset, StudyStorageDataset
"""Inputs that say themselves what is missing; to load them costs nothing."""


class RunCatalog(DataCatalog):
    """Kedro's catalog, in which an unfinished output counts as missing."""

    unfinished: frozenset[str] = frozenset()

    def exists(self, ds_name: str) -> bool:
        """Return whether there is such an output, and its node has finished it."""
        return ds_name not in self.unfinished and super().exists(ds_name)

    def __setitem__(self, key: str, value: Any) -> None:
        """Add a data set, or a parameter, of which every load is a copy.

        There are thousands of parameters. To find out how each is copied, Kedro would
        look for three libraries, each time and for one of them in vain.
        """
        is_parameter = key == "parameters" or key.startswith("params:")
        if is_parameter and not isinstance(value, AbstractDataset):
            value = MemoryDataset(value, copy_mode="deepcopy")
        super().__setitem__(key, value)


class RunGuard:
    """Claims what a run writes, and refuses one that cannot end well."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._claims = ExitStack()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find out where the data root is."""
        self._folder = lock_folder(context)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: RunCatalog
    ) -> None:
        """Refuse a run that gets in another's way or lacks something.

        Raises:
            UserError: The message says what is to be done.
        """
        # An interrupted run in a notebook has left them.
        stop_what_is_left()
        self._claims.close()
        if "ParallelRunner" in str(run_params.get("runner")):
            raise UserError(
                "--runner=ParallelRunner: every node would get a process of its own, "
                "without the locks of this one; the nodes use all cores anyway. Leave "
                "it out, or take ThreadRunner to run independent nodes side by side"
            )
        nodes: Iterable[Node] = pipeline.nodes
        if run_params.get("only_missing_outputs"):
            book = RecipeBook(catalog, self._folder)
            outputs = filter(book.is_unfinished, pipeline.all_outputs())
            catalog.unfinished = frozenset(outputs)
            nodes = _still_to_run(pipeline, catalog)
        claim = _claim(nodes, catalog)
        with ExitStack() as stack:
            if self._folder is not None and claim.writes:
                stack.enter_context(claimed(self._folder, claim))
            if missing := [*_missing(claim.reads, catalog)]:
                raise UserError("\n  ".join(("Inputs are missing:", *missing)))
            self._claims = stack.pop_all()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Let go of the outputs."""
        self._claims.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Let go of the outputs."""
        self._claims.close()


def lock_folder(context: KedroContext) -> Path:
    """Return the folder of the locks of the data root."""
    data_root = str(context.config_loader["globals"].get("data_root", "data"))
    return Path(context.project_path) / data_root / ".locks"


def is_file(name: str, catalog: DataCatalog) -> bool:
    """Return whether a name is that of a dataset outside of the memory."""
    if name.startswith("params:") or name == "parameters" or name not in catalog:
        return False
    return not isinstance(catalog.get(name), MemoryDataset)


def _still_to_run(pipeline: Pipeline, catalog: DataCatalog) -> list[Node]:
    """Return the nodes that Kedro does not pass over with `--only-missing-outputs`.

    They make a file that is missing, or something in memory for a node that does.
    """
    nodes: list[Node] = []
    needed: set[str] = set()
    for node in reversed(pipeline.nodes):
        files = {name for name in node.outputs if is_file(name, catalog)}
        if needed & ({*node.outputs} - files) or not all(map(catalog.exists, files)):
            nodes.append(node)
            needed |= {*node.inputs}
    return nodes


def _claim(nodes: Iterable[Node], catalog: DataCatalog) -> Claim:
    """Return what nodes read and write outside of the memory."""
    writes, reads, shared, groups = set(), set(), set(), set()
    for node in nodes:
        writes |= {name for name in node.outputs if is_file(name, catalog)}
        reads |= {name for name in node.inputs if is_file(name, catalog)}
        if SHARED in node.tags:
            shared |= {*node.outputs}
        for name in node.inputs:
            if name.startswith("params:") and name.endswith(".parallel"):
                parallel = catalog.load(name)
                if parallel.machines > 1:
                    groups.add(parallel.rendezvous)
    return Claim(
        frozenset(writes),
        frozenset(reads - writes),
        frozenset(shared),
        groups.pop() if groups else None,
    )


def _missing(names: Iterable[str], catalog: DataCatalog) -> Iterator[str]:
    """Yield a line for each pipeline that makes some of the inputs that are missing.

    Raises:
        DatasetError: A raw log is missing, or Optuna; its cause is a `UserError`.
    """
    missing = defaultdict(list)
    for name in sorted(names):
        dataset = catalog.get(name)
        if isinstance(dataset, TOLD_BY_LOADING):
            dataset.load()
        elif not (getattr(dataset, "optional", False) or catalog.exists(name)):
            made = getattr(dataset, "written_as", None) or name
            makers = (p for p in pipelines if made in pipelines[p].all_outputs())
            missing[next(makers, None)].append(name)
    for pipeline, lacking in missing.items():
        remedy = f": `kedro run --pipelines={pipeline}` makes them" if pipeline else ""
        yield f"{', '.join(lacking)}{remedy}"
