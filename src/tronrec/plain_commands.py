"""Commands in which a mistake of the user is one plain message, and no traceback."""

from typing import Any

import click
from kedro.config import MissingConfigException

from tronrec.errors import UserError


class PlainCommand(click.Command):
    """A command that knows errors which the user can mend from faults of the code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Do the work; a mistake ends with its message and status 1."""
        try:
            self.check(ctx.params)
            return super().invoke(ctx)
        except Exception as error:
            if (mistake := _find_mistake(error)) is None:
                raise
            raise click.ClickException(str(mistake)) from error

    def check(self, options: dict[str, Any]) -> None:
        """Look at the options before the work begins."""


def make_plain(command: click.Command) -> click.Command:
    """Return a command of Kedro's, or a group of them, as plain ones."""
    if isinstance(command, click.Group):
        commands = {name: make_plain(each) for name, each in command.commands.items()}
        return click.Group(command.name, commands, help=command.help)
    return PlainCommand(
        command.name,
        params=command.params,
        callback=command.callback,
        help=command.help,
    )


def _find_mistake(error: BaseException | None) -> BaseException | None:
    """Return the first error in the chain that the user can mend."""
    while error and not isinstance(error, UserError | MissingConfigException):
        error = error.__cause__ or error.__context__
    return error
