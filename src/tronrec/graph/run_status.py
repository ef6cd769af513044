"""How the last runs went, in the words of Kedro-Viz's page `Workflow`.

The page shows one pipeline, with the time that each node took and the size of all data.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kedro_viz.models.metadata import NodeExtras

Answer = dict[str, Any]

NodeRun = Mapping[str, Any]
"""`ended`, `seconds` and `error`; see `tronrec.hooks.node_runs`."""


def run_status(
    shown: Iterable[Answer],
    runs: Mapping[str, NodeRun],
    sizes: Mapping[str, NodeExtras],
) -> Answer:
    """Return what became of nodes and data.

    Args:
        shown: Nodes and data of the pipeline that the page shows.
        runs: The last run of each node that has been run, by its name.
        sizes: Of all data that are there, by their names.
    """
    nodes, data, ran = {}, {}, []
    for box in shown:
        name = str(box.get("full_name", box["name"]))
        if box["type"] == "task" and name in runs:
            ran.append(runs[name])
            nodes[box["id"]] = _outcome(runs[name]["error"], runs[name]["seconds"])
        elif size := sizes.get(name):
            assert size.stats is not None
            file_size = size.stats["file_size"]
            data[box["id"]] = {"name": name, "size": file_size, "status": "success"}
    return {"nodes": nodes, "datasets": data, "pipeline": _summarise(ran)}


def _outcome(error: str | None, seconds: float) -> Answer:
    message = error and {"message": error, "traceback": ""}
    status = "failed" if error else "success"
    return {"status": status, "duration": seconds, "error": message}


def _summarise(runs: list[NodeRun]) -> Answer:
    """Return what is told of all nodes together, whichever run was theirs."""
    ended = max((str(run["ended"]) for run in runs), default=None)
    errors = [str(run["error"]) for run in runs if run["error"]]
    seconds = sum(float(run["seconds"]) for run in runs)
    times = {"run_id": str(ended), "start_time": None, "end_time": ended}
    return times | _outcome("\n".join(errors) or None, seconds)
