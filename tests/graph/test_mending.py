from pathlib import Path

from tronrec.graph.mending import mend_details, mend_graph

PARAMETERS = {"id": "p", "type": "parameters"}
RAW = {"id": "raw", "type": "data"}
CLICKS = {"id": "clicks", "type": "data"}
READ = {"id": "read", "type": "task"}
OTTO = {"id": "otto", "type": "modularPipeline"}
STAGES = [
    {"id": f"otto.{name}", "type": "modularPipeline"}
    for name in ("reading", "training")
]


def graph(inner: list[dict[str, str]], layers: tuple[str, ...] = ()) -> dict:
    boxes = {
        "__root__": {"id": "__root__", "children": [RAW, OTTO, PARAMETERS]},
        "otto": {"id": "otto", "children": [CLICKS, *inner]},
    }
    boxes |= {box["id"]: {**box, "children": []} for box in inner if box != READ}
    nodes = [
        {"id": "raw", "type": "data", "modular_pipelines": ["otto"]},
        {"id": "clicks", "type": "data", "modular_pipelines": ["otto", "otto.reading"]},
        {"id": "p", "type": "parameters", "modular_pipelines": None},
        {"id": "otto", "type": "modularPipeline", "name": "otto"},
        {"id": "otto.reading", "type": "modularPipeline", "name": "otto.reading"},
    ]
    edges = [
        {"source": "raw", "target": "otto"},
        {"source": "raw", "target": "otto.reading"},
    ]
    return {
        "modular_pipelines": boxes,
        "nodes": nodes,
        "edges": edges,
        "layers": list(layers),
        "tags": ["reading"],
    }


def test_a_graph_opens_on_the_stages() -> None:
    mended = mend_graph(graph(STAGES))
    boxes = mended["modular_pipelines"]
    assert boxes["__root__"]["children"] == [RAW, PARAMETERS, CLICKS, *STAGES]
    assert [*boxes] == ["__root__", "otto.reading", "otto.training"]
    assert boxes["otto.reading"]["name"] == "reading"
    assert mended["edges"] == [{"source": "raw", "target": "otto.reading"}]
    assert {n["id"]: n.get("modular_pipelines") for n in mended["nodes"]} == {
        "raw": None,
        "clicks": ["otto.reading"],
        "p": None,
        "otto.reading": None,
    }
    assert mended["nodes"][-1]["name"] == "reading"
    assert mended["tags"] == ["reading"]


def test_boxes_are_opened_until_there_is_a_choice() -> None:
    mended = mend_graph(graph(STAGES[:1]))
    assert [*mended["modular_pipelines"]] == ["__root__"]
    beside_a_node = mend_graph(graph([STAGES[0], READ]))
    assert [*beside_a_node["modular_pipelines"]] == ["__root__", "otto.reading"]


def test_what_is_mended_stays_so() -> None:
    once = mend_graph(graph(STAGES))
    assert mend_graph(once) == once


def test_layers_are_in_the_order_of_the_data() -> None:
    assert mend_graph(graph(STAGES, ("models", "raw", "reporting", "primary")))[
        "layers"
    ] == ["raw", "primary", "models", "reporting"]


def test_commands_can_be_run_and_paths_are_of_the_project() -> None:
    details = {
        "filepath": str(Path.cwd() / "data/clicks.parquet"),
        "run_command": "kedro run --to-outputs=otto.clicks",
        "code": "x",
    }
    command = "kedro run --env=sample --pipelines=prepare_otto --to-outputs=otto.clicks"
    assert mend_details(details, command) == {
        "filepath": "data/clicks.parquet",
        "run_command": command,
        "code": "x",
    }
    source = {"filepath": f"{Path.cwd().name}/src/nodes.py", "run_command": "kedro run"}
    assert mend_details(source, None) == {
        "filepath": "src/nodes.py",
        "run_command": "kedro run",
    }
    elsewhere = {"filepath": "/raw/clicks.csv", "run_command": None}
    assert mend_details(elsewhere, command) == elsewhere
    assert mend_details({"parameters": {"k": 20}}, None) == {"parameters": {"k": 20}}
