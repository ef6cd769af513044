"""The commands: ours, and Kedro's where a mistake of the user is one plain message.

`kedro` finds the commands of this module by its name and takes them before its own.
"""

import signal
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
from kedro.framework.cli.catalog import catalog
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.registry import registry
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project, load_obj

from tronrec.catalog import name_problem
from tronrec.config import SystemConfigLoader
from tronrec.errors import UserError
from tronrec.hooks import use_config
from tronrec.interrupts import ENDING, ended_by_signals
from tronrec.plain_commands import PlainCommand, make_plain
from tronrec.portable.command import export
from tronrec.problems import suggest
from tronrec.serving.command import serve
from tronrec.starter import PYPROJECT, ProjectNotes
from tronrec.starter.command import init

FOR_THREADS = 2.0
"""Seconds that nodes which are threads have to end: no interrupt reaches them."""


class RunCommand(PlainCommand):
    """Kedro's `run`, whose options are checked against the pipelines first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the options that the project names, if none is given."""
        if not args and (project := find_kedro_project(Path.cwd())):
            args = _options_of(project)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and end in time when that is asked for."""
        if "ThreadRunner" not in str(ctx.params["runner"]):
            with ended_by_signals():
                return super().invoke(ctx)
        with ended_by_signals([signal.SIGINT, *ENDING], FOR_THREADS):
            return super().invoke(ctx)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse names that are not there."""
        config = SystemConfigLoader.open(
            options["env"], options["conf_source"], options["params"]
        )
        use_config(config)
        if options["pipeline"] and not options["pipelines"]:
            # The short -p is worth keeping; Kedro warns that its long form will go.
            options |= {"pipelines": [options["pipeline"]], "pipeline": None}
        _check_selection(options)
        _check_runner(options)


def _options_of(project: Path) -> list[str]:
    """Return the options of a run without any, and tell which they are."""
    try:
        options = list(ProjectNotes.read(project).run)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if options:
        click.echo(f"Running with {' '.join(options)}: see {PYPROJECT}", err=True)
    return options


def _check_selection(options: dict[str, Any]) -> None:
    """Raise an error if an option names what is not there, or no node is left."""
    names = options["pipelines"] or ["__default__"]
    _check_names("--pipelines", names, pipelines)
    whole: Pipeline = sum((pipelines[name] for name in names), Pipeline([]))
    nodes = [node.name for node in whole.nodes]
    data = sorted(name for name in whole.datasets() if not name.startswith("params:"))
    tags = {tag for node in whole.nodes for tag in node.tags}
    spaces = {part for node in whole.nodes for part in node.namespace_prefixes}
    _check_names("--from-nodes", options["from_nodes"], nodes)
    _check_names("--to-nodes", options["to_nodes"], nodes)
    _check_names("--nodes", options["node_names"], nodes)
    _check_names("--from-inputs", options["from_inputs"], sorted(whole.datasets()))
    _check_names("--to-outputs", options["to_outputs"], data)
    _check_names("--load-versions", options["load_versions"], data)
    _check_names("--tags", options["tags"], sorted(tags))
    _check_names("--namespaces", options["namespaces"], sorted(spaces))
    try:
        whole.filter(
            tags=options["tags"],
            from_nodes=options["from_nodes"],
            to_nodes=options["to_nodes"],
            node_names=options["node_names"],
            from_inputs=options["from_inputs"],
            to_outputs=options["to_outputs"],
            node_namespaces=options["namespaces"],
        )
    except ValueError as error:
        raise UserError(
            f"No node of {', '.join(names)} is within all of the options that choose "
            "some; leave one of them out"
        ) from error


def _check_names(
    option: str, names: Iterable[str] | None, known: Iterable[str]
) -> None:
    for name in names or ():
        if name not in known:
            raise UserError(f"{option}={name}: unknown; {suggest(name, known)}")


def _check_runner(options: dict[str, Any]) -> None:
    """Raise an error if there is no such runner, or it cannot run the nodes."""
    name, params = options["runner"] or "SequentialRunner", options["runner_params"]
    if options["is_async"] or params.get("is_async"):
        raise UserError(
            "--async and is_async: nodes that save while they compute, as training "
            "does, cannot be run so; leave it out"
        )
    try:
        load_obj(name, "kedro.runner")(**params)
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise UserError(
            f"--runner={name}: {error}; take SequentialRunner, which needs no "
            "--runner-params, or ThreadRunner"
        ) from error


run = RunCommand(
    "run", params=kedro_run.params, callback=kedro_run.callback, help=kedro_run.help
)


@click.command(cls=PlainCommand)
@click.argument("dataset")
@click.option("--env", "-e", help="The environment of the runs, such as sample.")
@click.option("--conf-source", help="The folder of the configuration.")
@click.option("--against", help="The run that others are tested against: the newest.")
@click.option("--keep", type=click.IntRange(0), help="Remove all but so many runs.")
def runs(
    dataset: str,
    env: str | None,
    conf_source: str | None,
    against: str | None,
    keep: int | None,
) -> None:
    """Compare the finished runs on DATASET, or remove old ones."""
    from tronrec.reporting.runs import compare_runs, find_subject, page, text_table

    datasets = SystemConfigLoader.open(env, conf_source).datasets
    if dataset not in datasets:
        raise UserError(f"{dataset}: unknown; {suggest(dataset, datasets)}")
    with KedroSession.create(env=env, conf_source=conf_source) as session:
        assert isinstance(session, KedroSession)
        catalog = session.load_context().catalog
    kept, trainings, written = (
        catalog[f"{dataset}.{name}"]
        for name in ("runs", "last_checkpoints", "runs_page")
    )
    if keep is not None:
        for name in (*kept.remove_old(keep), *trainings.remove_old(keep)):
            click.echo(f"Removed {name}")
        return
    finished = kept.load()
    subject = find_subject(finished, against)
    rows = compare_runs(finished, subject)
    click.echo(text_table(rows))
    written.save(page(rows, dataset, subject.name))
    click.echo(f"Written to {written.filepath}")


@click.command("new-dataset", cls=PlainCommand)
@click.argument("name")
@click.option("--file", "path", required=True, help="The file, or folder of parts.")
@click.option("--like", help="Its format: csv, jsonl, parquet, or a publisher's.")
@click.option("--columns", multiple=True, help="What is known: item=sku,time=at")
@click.option("--env", "-e", default="local", help="Where to write: conf/local.")
@click.option("--conf-source", help="The folder of the configuration.")
def new_dataset(  # noqa: PLR0913 - the options of a command
    *,
    name: str,
    path: str,
    like: str | None,
    columns: tuple[str, ...],
    env: str,
    conf_source: str | None,
) -> None:
    """Look at a click log, and configure it as the data set NAME."""
    from tronrec.first_look.proposal import propose, read_options, write
    from tronrec.first_look.report import describe, next_steps

    config = SystemConfigLoader.open(env, conf_source)
    if problem := name_problem(name):
        raise UserError(problem)
    if name in config.datasets:
        raise UserError(
            f"{name}: there is such a data set, {name}.raw_log in the catalog; change "
            "that entry, or choose another name"
        )
    proposal = propose(name, path, like, read_options(columns))
    for line in describe(proposal):
        click.echo(line)
    for written in write(proposal, Path(config.conf_source) / env):
        click.echo(f"Written: {written}")
    options = "" if env == "local" else f" --env={env}"
    options += f" --conf-source={conf_source}" if conf_source else ""
    for line in next_steps(name, options):
        click.echo(line)


@click.command(cls=PlainCommand)
@click.argument("dataset", required=False)
@click.option("--env", "-e", help="The environment of the runs, such as sample.")
@click.option("--conf-source", help="The folder of the configuration.")
@click.option("--folder", type=Path, default="build", help="Of the site: build.")
@click.option("--serve/--no-serve", "serves", default=True, help="Show it: yes.")
@click.option("--port", default=4141, help="Where to show it: 4141.")
def graph(  # noqa: PLR0913 - the options of a command
    *,
    dataset: str | None,
    env: str | None,
    conf_source: str | None,
    folder: Path,
    serves: bool,
    port: int,
) -> None:
    """Show the pipelines on DATASET, or on all, and their results in the browser."""
    from tronrec.graph.command import serve_site, show_graph

    show_graph(dataset, env=env, conf_source=conf_source, folder=folder)
    click.echo(f"Written to {folder / 'index.html'}")
    if serves:
        serve_site(folder, port)


class Group(click.Group):
    """Commands of which `run` is the one that is meant where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options alone for those of `run`."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


COMMANDS = [init, run, runs, new_dataset, graph, serve, export]
COMMANDS += map(make_plain, (registry, catalog))


@click.group(cls=Group, name="tronrec", commands=COMMANDS)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Train, evaluate, compare and serve session-based recommenders."""
    ctx.obj = SimpleNamespace(package_name="tronrec")  # which Kedro's commands ask for
