"""What is noted of each node, however it ends."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.hooks import _create_hook_manager
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner, ThreadRunner
from kedro_datasets.json import JSONDataset

from reference.disks import no_file_above
from tronrec.hooks import NodeRuns
from tronrec.hooks.shared_record import SharedRecord


def double(number: int) -> int:
    return 2 * number


def count(number: int) -> Iterator[int]:
    """Yield some numbers, and fail at the third if there are so many."""
    for step in range(number):
        if step == 3:
            raise ValueError("three")
        time.sleep(0.02)
        yield step


def fail(number: int) -> int:
    raise ValueError(f"{number} is too many")


def noted(
    folder: Path, node: Node, number: object, runner: type = SequentialRunner
) -> dict[str, Any]:
    """Run a node behind another one, and return what is noted in the end."""
    record = {
        "type": "tronrec.datasets.RecordDataset",
        "filepath": str(folder / "runs.json"),
    }
    catalog = DataCatalog.from_config({"shop.node_runs": record})
    catalog["number"] = number
    first = Node(double, "number", "shop.doubled", name="first", namespace="shop")
    pipeline = Pipeline([first, node])
    hooks = _create_hook_manager()
    hooks.register(NodeRuns())
    hooks.hook.before_pipeline_run(run_params={}, pipeline=pipeline, catalog=catalog)
    try:
        runner().run(pipeline, catalog, hooks)
    except Exception as error:
        hooks.hook.on_pipeline_error(
            error=error, run_params={}, pipeline=pipeline, catalog=catalog
        )
    return catalog.load("shop.node_runs") if catalog.exists("shop.node_runs") else {}


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_a_run_that_succeeds(tmp_path: Path, runner: type) -> None:
    second = Node(double, "shop.doubled", "shop.more", name="second", namespace="shop")
    runs = noted(tmp_path, second, 2, runner)
    assert runs.keys() == {"shop.first", "shop.second"}
    assert all(run["error"] is None and run["seconds"] >= 0 for run in runs.values())


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_a_node_that_fails(tmp_path: Path, runner: type) -> None:
    second = Node(fail, "shop.doubled", "shop.more", name="second", namespace="shop")
    runs = noted(tmp_path, second, 2, runner)
    assert runs["shop.first"]["error"] is None
    assert runs["shop.second"]["error"] == "4 is too many"
    mended = Node(double, "shop.doubled", "shop.more", name="second", namespace="shop")
    assert noted(tmp_path, mended, 2)["shop.second"]["error"] is None


def test_a_node_that_yields_takes_until_its_last_output(tmp_path: Path) -> None:
    second = Node(count, "shop.doubled", "shop.more", name="second", namespace="shop")
    run = noted(tmp_path, second, 1)["shop.second"]
    assert run["error"] is None
    assert run["seconds"] >= 0.04
    run = noted(tmp_path, second, 2)["shop.second"]
    assert run["error"] == "three"
    assert run["seconds"] >= 0.06


def test_inputs_that_cannot_be_read_and_data_that_cannot_be_saved(
    tmp_path: Path,
) -> None:
    other = Node(double, "shop.missing", "shop.more", name="second", namespace="shop")
    pipeline_error = noted(tmp_path, other, 2)
    assert pipeline_error == {}  # Kedro refuses it before any node
    nothing = Node(
        lambda number: None,
        "shop.doubled",
        "shop.more",
        name="second",
        namespace="shop",
    )
    runs = noted(tmp_path, nothing, 2)
    assert "Saving" in runs["shop.second"]["error"]


def test_what_cannot_be_noted_does_not_hide_the_error(tmp_path: Path, caplog) -> None:
    def fill_the_disk(number: int) -> int:
        disk.enter_context(no_file_above(0))
        raise ValueError(f"{number} is too many")

    second = Node(
        fill_the_disk, "shop.doubled", "shop.more", name="second", namespace="shop"
    )
    with ExitStack() as disk:
        runs = noted(tmp_path, second, 2)
    assert runs.keys() == {"shop.first"}
    assert "is not noted: " in caplog.text and "too large" in caplog.text


def test_a_catalog_without_the_entry_is_left_alone() -> None:
    hook = NodeRuns()
    hook.before_pipeline_run(catalog=DataCatalog())
    node = Node(double, "number", "doubled", name="first", namespace="shop")
    hook.before_dataset_loaded(node=node)
    hook.after_dataset_saved(node=node)
    hook.on_pipeline_error(error=ValueError())


def test_records_are_in_order_whichever_came_first(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    catalog = DataCatalog({"a.node_runs": JSONDataset(filepath=str(file))})
    record = SharedRecord(catalog, "node_runs", tmp_path)
    record.note("a.two", 1)
    record.note("a.one", 2)
    assert [*json.loads(file.read_text())] == ["a.one", "a.two"]
