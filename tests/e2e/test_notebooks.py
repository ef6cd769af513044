"""The notebooks run from top to bottom, and the pages show what they gave."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import load_script
from tronrec.starter import create_project

from .conftest import PROJECT, TINY

NAMES = sorted(path.stem for path in (PROJECT / "notebooks").glob("*.ipynb"))
SYSTEM = {block: TINY[block] for block in ("model", "sampling", "training")}
FEW = {
    "evaluation": {"baselines": ["most_popular", "session_knn"], "batch_size": 256},
    "benchmark": {"resamples": 100},
}


def cells(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_bytes())["cells"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder whose sample is done in seconds."""
    folder = tmp_path_factory.mktemp("notebooks") / "shop"
    create_project(folder)
    file = folder / "conf" / "sample" / "parameters.yml"
    stated = yaml.safe_load(file.read_text("utf-8"))
    stated["otto"] = TINY | FEW
    stated["systems"] = dict.fromkeys(("tron_xl", "bpr_512"), SYSTEM)
    file.write_text(yaml.safe_dump(stated), "utf-8")
    return folder


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    runner = load_script("docs/run_notebooks.py")
    for name, value in runner.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    before = snapshot()
    yield
    assert snapshot() == before


def snapshot() -> dict[str, int]:
    """Return all files of the repository but those that tests and tools write."""
    passed_over = {".git", ".venv", "data", "build", "site"}
    found = {}
    for folder, folders, files in os.walk(PROJECT):
        folders[:] = [
            name
            for name in folders
            if name not in passed_over
            and not name.endswith(("_cache", "__", "-info"))
            and name != ".hypothesis"
        ]
        for name in files:
            path = Path(folder) / name
            found[str(path)] = path.stat().st_mtime_ns
    return found


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name: str, shop: Path) -> None:
    text = (PROJECT / "notebooks" / f"{name}.ipynb").read_text("utf-8")
    small = shop / f"{name}.ipynb"
    small.write_text(text.replace("tuning.trials=16", "tuning.trials=4"), "utf-8")
    notebook = load_script("docs/run_notebooks.py").run(small, shop)
    given = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("application/vnd.plotly.v1+json" in o.get("data", {}) for o in given)
    text = json.dumps(given)
    assert str(shop) not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_outputs_and_its_page_with_those(name: str) -> None:
    kept = cells(PROJECT / "notebooks" / f"{name}.ipynb")
    assert not any(cell.get("outputs") for cell in kept)
    shown = cells(PROJECT / "docs" / "notebooks" / f"{name}.ipynb")
    assert [cell["source"] for cell in shown] == [cell["source"] for cell in kept], (
        "another notebook than that of the page: `make notebooks` renews the pages"
    )
    page = (PROJECT / "docs" / "notebooks" / f"{name}.md").read_text("utf-8")
    drawn = load_script("docs/notebooks.py").on_page_markdown(page)
    assert drawn.startswith("# ")
    assert "Plotly.newPlot" in drawn
    assert "Traceback" not in drawn
    assert not any(folder in drawn for folder in ("/tmp/", "/home/", "/root/"))


def test_a_page_shows_texts_tables_and_figures(tmp_path: Path) -> None:
    figure = {
        "data": [{"y": [1, 2], "name": "</script>"}],
        "layout": {"height": 300, "width": 900},
    }
    table = (
        '<div><style>td {}</style><table border="1" class="dataframe"></table></div>'
    )
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["\x1b[2m1 < 2\x1b[0m\n"]},
        {"output_type": "stream", "name": "stderr", "text": ["line\n"] * 9},
        {
            "output_type": "display_data",
            "data": {"application/vnd.plotly.v1+json": figure},
        },
        {"output_type": "execute_result", "data": {"text/html": [table]}},
        {"output_type": "execute_result", "data": {"text/plain": ["{'a': 1}"]}},
    ]
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# Title\n", "\n", "Text."]},
            {"cell_type": "code", "id": "x", "source": ["1"], "outputs": outputs},
        ]
    }
    file = tmp_path / "some.ipynb"
    file.write_text(json.dumps(notebook))
    drawn = load_script("docs/notebooks.py").show(file).split("\n\n")
    assert drawn[:2] == ["# Title", "Text."]
    assert drawn[2].startswith("<script src=")
    assert drawn[3] == "```python\n1\n```"
    assert drawn[4] == '<pre class="output">1 &lt; 2</pre>'
    assert drawn[5].startswith("<details><summary>9 lines of log</summary><pre")
    assert 'style="height: 300px; width: 900px"' in drawn[6]
    assert drawn[6].count("</script>") == 1
    assert drawn[7] == "<div><table></table></div>"
    assert "&#x27;a&#x27;: 1" in drawn[8]
