"""A project folder: made by `tronrec init`, and what it says about itself.

The configuration in it is the repository's: `files/conf` is a link to `conf`, which a
wheel holds as a copy.
"""

import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tronrec.errors import UserError
from tronrec.problems import as_block
from tronrec.version import __version__

FILES = Path(__file__).parent / "files"
PYPROJECT = "pyproject.toml"


@dataclass(frozen=True)
class ProjectNotes:
    """The block `[tool.tronrec]` of a project's `pyproject.toml`."""

    version: str | None = None
    """The tronrec that has written the configuration; None: not said."""
    run: tuple[str, ...] = ()
    """The options of a run that is given none."""

    @classmethod
    def read(cls, project: Path) -> "ProjectNotes":
        """Return what the project in this folder says.

        Raises:
            UserError: It cannot be read, or is not a version and a list of options.
        """
        file = project / PYPROJECT
        try:
            tools = tomllib.loads(file.read_text("utf-8")).get("tool", {})
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: cannot be read ({error})") from error
        block = as_block(f"{file}: tronrec", tools.get("tronrec"))
        version, run = block.get("version"), block.get("run", [])
        if not isinstance(run, list) or not all(isinstance(word, str) for word in run):
            raise UserError(
                f"{file}: run = {run!r} below [tool.tronrec]: must be a list of "
                'options, such as ["--env=sample"]'
            )
        return cls(version and str(version), tuple(run))


def create_project(folder: Path) -> None:
    """Make a folder a project whose `tronrec run` trains on the sample.

    Raises:
        UserError: There is something in it, or it cannot be written.
    """
    _check_free(folder)
    name = folder.resolve().name
    values = {"name": name, "toml_name": json.dumps(name)[1:-1], "version": __version__}
    try:
        ignored = shutil.ignore_patterns("local")
        shutil.copytree(
            FILES / "conf",
            folder / "conf",
            ignore=ignored,
            copy_function=shutil.copyfile,  # without the rights of installed files
        )
        (folder / "conf" / "local").mkdir()
        (folder / "conf" / "local" / ".gitkeep").touch()
        (folder / ".telemetry").write_text("consent: false\n", "utf-8")
        shutil.copyfile(FILES / "gitignore", folder / ".gitignore")
        for file in ("README.md", PYPROJECT):  # the last: what makes it a project
            text = Template((FILES / file).read_text("utf-8")).substitute(values)
            (folder / file).write_text(text, "utf-8")
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error}. Make room or change the rights "
            "there; what is in it now can be deleted"
        ) from error


def _check_free(folder: Path) -> None:
    """Check that nothing is there, but for the likes of .git and .venv.

    Raises:
        UserError: Something is.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: there is a file of that name; choose another name")
    ours = {".gitignore", ".telemetry"}
    there = sorted(path.name for path in folder.glob("*"))
    if taken := [name for name in there if name[0] != "." or name in ours]:
        raise UserError(
            f"{folder}: not empty, there is {taken[0]}; name a new folder, such as "
            "`tronrec init myshop`"
        )
