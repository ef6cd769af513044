"""`tronrec init`: a project folder, on the command line."""

from pathlib import Path

import click

from tronrec.errors import UserError
from tronrec.starter import create_project


@click.command(name="init")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make FOLDER, or the folder you are in, a project that can train on a sample."""
    try:
        create_project(folder)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    enter = "" if folder.resolve() == Path.cwd() else f"cd {folder}; "
    click.echo(
        f"{folder.resolve()} is a project. `{enter}tronrec run` trains there on "
        "simulated clicks; the report is data/sample/08_reporting/otto/report.html"
    )
