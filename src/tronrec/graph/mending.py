"""What is made otherwise in the answers of Kedro-Viz, before its pages read them.

Kedro-Viz opens on the outermost boxes. Here that is one, the data set, as all nodes are
in it. It is taken away, so that the graph opens on the stages. The commands that
Kedro-Viz gives to copy know neither the pipeline nor the environment.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Answer = dict[str, Any]

ROOT, BOX = "__root__", "modularPipeline"

LAYERS = (
    *("raw", "intermediate", "primary", "model_input"),
    *("models", "model_output", "reporting"),
)
"""In the order of the data's path."""


def mend_graph(graph: Answer) -> Answer:
    """Return a pipeline's graph without the boxes that all of it is in."""
    boxes = dict(graph["modular_pipelines"])
    gone = set()
    while outermost := _only_box(boxes[ROOT]["children"]):
        gone.add(outermost)
        children = boxes[ROOT]["children"] + boxes.pop(outermost)["children"]
        left = {child["id"]: child for child in children if child["id"] != outermost}
        boxes[ROOT] = boxes[ROOT] | {"children": [*left.values()]}
    boxes = {name: _shorten(box) for name, box in boxes.items()}
    return graph | {
        "modular_pipelines": boxes,
        "nodes": [_move_out(n, gone) for n in graph["nodes"] if n["id"] not in gone],
        "edges": [e for e in graph["edges"] if not gone & {e["source"], e["target"]}],
        "layers": sorted(graph["layers"], key=LAYERS.index),
    }


def mend_details(details: Answer, command: str | None) -> Answer:
    """Return what is told of a node or of data, with a command that can be run.

    Paths are given from here on.
    """
    mended = dict(details)
    if command is not None and details.get("run_command"):
        mended["run_command"] = command
    if path := details.get("filepath"):
        mended["filepath"] = _from_here(Path(path))
    return mended


def _only_box(children: list[Mapping[str, str]]) -> str | None:
    """Return the only box of some children that have all nodes in it."""
    boxes = [child["id"] for child in children if child["type"] == BOX]
    nodes = [child["id"] for child in children if child["type"] == "task"]
    return boxes[0] if len(boxes) == 1 and not nodes else None


def _move_out(node: Answer, gone: set[str]) -> Answer:
    """Return a node that is in none of the boxes that are gone."""
    if node["type"] == BOX:
        return _shorten(node)
    if not node["modular_pipelines"]:
        return node
    kept = [box for box in node["modular_pipelines"] if box not in gone]
    return node | {"modular_pipelines": kept or None}


def _shorten(box: Answer) -> Answer:
    """Return a box, or the node that stands for it, by the last part of its name."""
    return box | {"name": box["id"].rpartition(".")[2]}


def _from_here(path: Path) -> str:
    """Return a path of the project from its folder on; sources are given with it."""
    here = Path.cwd()
    for folder in (here, Path(here.name)):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)
