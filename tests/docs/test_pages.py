"""What README, manual and notebooks name must exist."""

import json
import re
from pathlib import Path

import pytest
from kedro.pipeline import Pipeline

from tronrec.config import SystemConfigLoader
from tronrec.pipeline_registry import create_pipelines

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEXT = "\n".join(
    [
        *(page.read_text("utf-8") for page in (ROOT / "README.md", *PAGES)),
        *(
            "".join(cell["source"])
            for notebook in NOTEBOOKS
            for cell in json.loads(notebook.read_bytes())["cells"]
        ),
    ]
)


def named(pattern: str) -> list[str]:
    """Everything that the pages give after `pattern`, such as an option."""
    found = re.findall(pattern + r"([^\s`\"]+)", TEXT)
    assert found
    return [name for names in found for name in names.split(",")]


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Pipeline]:
    """Those of the configuration, and of the data sets that the pages configure."""
    known = SystemConfigLoader.open(env="splits").datasets
    shown = re.findall(r"(?m)^(\w+)\.raw_log:", TEXT)
    return create_pipelines([*dict.fromkeys((*known, *shown))])


def test_pipelines_exist(pipelines: dict[str, Pipeline]) -> None:
    assert set(named("--pipelines=")) <= pipelines.keys()


def test_places_to_start_from_exist(pipelines: dict[str, Pipeline]) -> None:
    # Not one sum: a real log and a simulated one have the same name.
    nodes = {node.name for pipeline in pipelines.values() for node in pipeline.nodes}
    assert set(named("--from-nodes=")) <= nodes
    datasets = set().union(*(pipeline.datasets() for pipeline in pipelines.values()))
    assert set(named("--from-inputs=")) <= datasets


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in named(r"(?m)^make "):
        assert f"\n{target}:" in makefile


def test_tests_exist() -> None:
    for name in named("`tests/(?=.*::)"):
        path, function = name.split("::")
        text = (ROOT / "tests" / path).read_text("utf-8")
        assert f"def {function}(" in text, name


def test_files_exist() -> None:
    for name in named("`(?=conf/(?:base|sample)/[a-z])"):
        assert list(ROOT.glob(name)), name
