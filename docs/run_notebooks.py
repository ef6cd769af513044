"""Runs the notebooks from top to bottom, and keeps what they show for the pages.

`make notebooks` calls it. Each has a project folder of its own, as `tronrec init` makes
it, so that nothing of the repository changes but `docs/notebooks`.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tronrec.starter import create_project

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
EXECUTED = Path(__file__).parent / "notebooks"

SECONDS = 900
"""A cell may take so long."""

ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "PLOTLY_RENDERER": "plotly_mimetype",  # numbers only: the page has what draws them
}


def main() -> int:
    """Run the notebooks that are named, or all."""
    os.environ.update(ENVIRONMENT)
    for file in sorted(NOTEBOOKS.glob("*.ipynb")):
        if sys.argv[1:] and file.stem not in sys.argv[1:]:
            continue
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "myshop"
            create_project(project)
            done = run(file, project)
        nbformat.write(done, EXECUTED / file.name)
        sys.stdout.write(f"{file.name}: {time.monotonic() - begun:.0f} s\n")
    return 0


def run(file: Path, project: Path) -> NotebookNode:
    """Return a notebook with its outputs, run inside a project.

    Raises:
        CellExecutionError: A cell fails; the others were not run.
    """
    notebook = nbformat.read(file, as_version=4)
    folder = project / "notebooks"
    folder.mkdir(exist_ok=True)
    NotebookClient(
        notebook,
        timeout=SECONDS,
        record_timing=False,
        coalesce_streams=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    notebook.metadata.language_info = {"name": "python"}  # of any version
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            _tidy(output, project)
    return notebook


def _tidy(output: NotebookNode, project: Path) -> None:
    """Take out what belongs to this machine, and what is there twice."""
    if output.output_type == "stream":
        output.text = output.text.replace(f"{project}/", "")
        output.text = output.text.replace(str(project), project.name)
    elif len(output.data) > 1:
        output.data.pop("text/plain", None)


if __name__ == "__main__":
    sys.exit(main())
