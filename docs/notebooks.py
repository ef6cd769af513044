"""Shows the notebooks as pages, with what they gave when `make notebooks` ran them.

A page asks with `<!-- notebook: tour -->`. Figures are numbers in the notebook; the
site has one copy of what draws them, so that it needs no network.
"""

import json
import re
import shutil
from collections.abc import Iterator
from html import escape
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "notebooks"

MARKER = re.compile(r"<!-- notebook: (\w+) -->")

PLOTLY = "javascripts/plotly.min.js"
"""Within the site; pages of notebooks are two folders deep."""

FIGURE = "application/vnd.plotly.v1+json"

SHORT = 6
"""Lines of a log that is not folded."""

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
"""Colours of a terminal."""

POLARS_STYLE = re.compile(r"<style>.*?</style>\s*", re.DOTALL)

Output = dict[str, Any]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marker of a page by the notebook it asks for."""
    return MARKER.sub(lambda match: show(FOLDER / f"{match[1]}.ipynb"), markdown)


def on_post_build(config: dict[str, Any], **_: Any) -> None:
    """Put what draws figures into the site."""
    target = Path(config["site_dir"]) / PLOTLY
    target.parent.mkdir(exist_ok=True)
    with as_file(files("plotly") / "package_data" / "plotly.min.js") as library:
        shutil.copyfile(library, target)


def show(file: Path) -> str:
    """Return a notebook as Markdown."""
    cells = json.loads(file.read_bytes())["cells"]
    parts = [part for cell in cells for part in _show_cell(cell)]
    if any("Plotly.newPlot" in part for part in parts):
        parts.insert(1, f'<script src="../../{PLOTLY}"></script>')
    return "\n\n".join(parts)


def _show_cell(cell: dict[str, Any]) -> Iterator[str]:
    """Yield the text of a cell, or its code and its outputs."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    language = "bash" if source.startswith(("%%bash", "!")) else "python"
    yield f"```{language}\n{source}\n```"
    for number, output in enumerate(cell["outputs"]):
        if output["output_type"] == "stream":
            yield _show_stream(output)
        else:
            yield _show_data(output["data"], f"{cell['id']}-{number}")


def _show_stream(output: Output) -> str:
    """Return what a cell printed; a log is folded."""
    printed = "".join(output["text"]).replace("\r\n", "\n")
    lines = ESCAPES.sub("", printed).strip().split("\n")
    text = f'<pre class="output">{escape(chr(10).join(lines))}</pre>'
    if output["name"] == "stdout" or len(lines) <= SHORT:
        return text
    return f"<details><summary>{len(lines)} lines of log</summary>{text}</details>"


def _show_data(data: dict[str, Any], name: str) -> str:
    """Return what a cell gave, in its richest form."""
    if FIGURE in data:
        return _draw(data[FIGURE], name)
    if "text/markdown" in data:
        return "".join(data["text/markdown"])
    if "text/html" in data:
        table = POLARS_STYLE.sub("", "".join(data["text/html"]))
        return table.replace('<table border="1" class="dataframe">', "<table>")
    return f'<pre class="output">{escape("".join(data["text/plain"]))}</pre>'


def _draw(figure: dict[str, Any], name: str) -> str:
    """Return a figure as the element that it is drawn into, and what draws it.

    It is as wide as the page; one that says how wide it is may be moved sideways.
    """
    layout = figure["layout"]
    size = {"height": 420, "width": None} | layout
    style = "; ".join(f"{k}: {size[k]}px" for k in ("height", "width") if size[k])
    options = {"responsive": True, "displayModeBar": False}
    arguments = figure["data"], layout | {"autosize": True}, options
    drawn = ", ".join(json.dumps(value).replace("</", "<\\/") for value in arguments)
    return (
        f'<div class="figure"><div id="{name}" style="{style}"></div></div>'
        f'<script>Plotly.newPlot("{name}", {drawn})</script>'
    )
