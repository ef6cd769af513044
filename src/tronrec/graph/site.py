"""The site of Kedro-Viz as files, made from the pipelines and what runs have left."""

import json
import logging
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

import fsspec
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro_viz.api.rest.responses.save_responses import save_api_responses_to_fs
from kedro_viz.data_access import data_access_manager
from kedro_viz.models.metadata import NodeExtras
from kedro_viz.server import populate_data

from tronrec.errors import UserError
from tronrec.files import own_folder, refusing
from tronrec.graph.mending import mend_details, mend_graph
from tronrec.graph.run_status import run_status
from tronrec.graph.sizes import measure
from tronrec.hooks.node_runs import KIND
from tronrec.hooks.shared_record import SharedRecord

WORKFLOW = "__default__"
"""The pipeline that the page of runs asks for, and no other."""

MARK = "api/deploy-viz-metadata"
"""A file that every site has; its pages show when it was written."""


def write_site(
    folder: Path, catalog: DataCatalog, pipelines: dict[str, Pipeline], run: str
) -> None:
    """Write the site, in place of the one that is there.

    Args:
        folder: Where nothing or a site is.
        catalog: What runs have left is previewed and measured.
        pipelines: Those shown. A site opens on the first: a training, if there is one.
        run: The command to which the options of a run are added.

    Raises:
        UserError: There is something else in the folder, or it cannot be written.
    """
    if folder.exists() and not (folder / MARK).exists():
        raise UserError(f"{folder}: not a site of this command; name another --folder")
    names = sorted(pipelines, key=lambda name: not name.startswith("train_"))
    shown = {name: pipelines[name] for name in names}
    # It warns of everything that no run has made yet.
    logging.getLogger("kedro_viz").setLevel(logging.ERROR)
    data_access_manager.reset_fields()
    sizes = _sizes(catalog, shown)
    populate_data(data_access_manager, catalog, shown, sizes)
    with ExitStack() as stack:
        stack.enter_context(refusing(folder))
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = stack.enter_context(own_folder(folder.parent, prefix=".site."))
        site = aside / "site"
        with as_file(files("kedro_viz") / "html") as pages:
            shutil.copytree(pages, site)
        save_api_responses_to_fs(str(site), fsspec.filesystem("file"), True)
        _mend(site / "api", _commands(pipelines, run))
        _add_runs(site / "api", catalog, shown, sizes)
        written = f"{datetime.now(UTC):%d.%m.%Y %H:%M:%S}"
        mark = {"timestamp": written, "version": version("kedro-viz")}
        (site / MARK).write_text(json.dumps(mark), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        site.rename(folder)


def _sizes(
    catalog: DataCatalog, pipelines: Mapping[str, Pipeline]
) -> dict[str, NodeExtras]:
    """Return the sizes of all data that are there."""
    names = set().union(*(pipeline.datasets() for pipeline in pipelines.values()))
    sizes = {
        name: measure(catalog[name])
        for name in names
        if name in catalog and not name.startswith("params:")
    }
    return {name: NodeExtras(stats=size) for name, size in sizes.items() if size}


def _mend(answers: Path, commands: Mapping[str, str]) -> None:
    """Mend the answers of the server, which are files here."""
    names: dict[str, str] = {}
    for file in (answers / "main", *(answers / "pipelines").iterdir()):
        graph = json.loads(file.read_bytes())
        names |= {
            node["id"]: node.get("full_name", node["name"]) for node in graph["nodes"]
        }
        file.write_text(json.dumps(mend_graph(graph)), "utf-8")
    for file in (answers / "nodes").iterdir():
        details = json.loads(file.read_bytes())
        mended = mend_details(details, commands.get(names.get(file.name, "")))
        file.write_text(json.dumps(mended), "utf-8")


def _add_runs(
    answers: Path,
    catalog: DataCatalog,
    pipelines: Mapping[str, Pipeline],
    sizes: Mapping[str, NodeExtras],
) -> None:
    """Write what the page of runs asks for; it shows the pipeline that comes first."""
    name = WORKFLOW if WORKFLOW in pipelines else next(iter(pipelines))
    node, *_ = pipelines[name].nodes
    runs = SharedRecord(catalog, KIND, None).read(node.name)
    graph = (answers / "pipelines" / name).read_bytes()
    (answers / "pipelines" / WORKFLOW).write_bytes(graph)
    status = run_status(json.loads(graph)["nodes"], runs, sizes)
    (answers / "run-status").write_text(json.dumps(status), "utf-8")


def _commands(pipelines: dict[str, Pipeline], run: str) -> dict[str, str]:
    """Return the command that makes each output, or ends with each node.

    Its pipeline is the first that has it: to prepare comes before to train.
    """
    commands: dict[str, str] = {}
    for name in reversed(pipelines):
        command = f"{run} --pipelines={name}"
        for node in pipelines[name].nodes:
            commands[node.name] = f"{command} --to-nodes={node.name}"
            for output in node.outputs:
                commands[output] = f"{command} --to-outputs={output}"
    return commands
