"""The `run` command: Kedro's own, where a mistake of the user is one plain message.

`kedro` finds the commands of this module by its name and takes them before its own.
"""

from typing import Any

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines

from tronrec.errors import UserError
from tronrec.problems import suggest


class RunCommand(click.Command):
    """A command that knows errors which the user can mend from faults of the code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipelines; a mistake ends with its message and status 1."""
        options = ctx.params
        if options["pipeline"] and not options["pipelines"]:
            # The short -p is worth keeping; Kedro warns that its long form will go.
            options |= {"pipelines": [options["pipeline"]], "pipeline": None}
        try:
            _check_names(options["pipelines"])
            return super().invoke(ctx)
        except Exception as error:
            if (mistake := _find_mistake(error)) is None:
                raise
            raise click.ClickException(str(mistake)) from error


def _check_names(names: list[str]) -> None:
    for name in names:
        if name not in pipelines:
            raise UserError(f"--pipelines={name}: unknown; {suggest(name, pipelines)}")


def _find_mistake(error: BaseException | None) -> BaseException | None:
    """Return the first error in the chain that the user can mend."""
    while error and not isinstance(error, UserError | MissingConfigException):
        error = error.__cause__ or error.__context__
    return error


run = RunCommand(
    "run", params=kedro_run.params, callback=kedro_run.callback, help=kedro_run.help
)


@click.group(name="tronrec", commands=[run])
def cli() -> None:
    """Train and evaluate session-based recommenders."""
