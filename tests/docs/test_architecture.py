"""The table of layers in the docs is the contract that is checked."""

import re
import tomllib
from pathlib import Path


def documented(project: Path) -> list[set[str]]:
    page = (project / "docs" / "architecture.md").read_text("utf-8")
    section = page.split("## Layers")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [set(re.findall(r"`(\w+)`", row)) for row in rows]


def contracted(project: Path) -> list[set[str]]:
    config = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    contract = config["tool"]["importlinter"]["contracts"][0]
    assert contract["containers"] == ["tronrec"] and contract["exhaustive"]
    return [set(layer.split(" : ")) for layer in contract["layers"]]


def test_the_table_of_layers_is_the_contract(project: Path) -> None:
    assert documented(project) == contracted(project)


def test_every_module_has_a_layer(project: Path) -> None:
    package = project / "src" / "tronrec"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert set().union(*documented(project)) == modules


def test_every_module_named_in_the_docs_exists(project: Path) -> None:
    """Paths such as `training/step.py` and names such as `tronrec.data.packed`."""
    package = project / "src" / "tronrec"
    for page in (project / "docs").glob("*.md"):
        text = page.read_text("utf-8")
        for path in re.findall(r"`(?:src/tronrec/)?([a-z_]+(?:/[a-z_]+)*\.py)`", text):
            assert (package / path).exists() or (project / path).exists(), (page, path)
        for name in re.findall(r"(?:::: |`)tronrec\.([a-z_.]+)", text):
            path = package / name.replace(".", "/")
            found = path.is_dir() or path.with_suffix(".py").exists()
            assert found or path.parent.with_suffix(".py").exists(), (page, name)
