"""Outputs of other data or parameters are named, whatever way a run passes them by."""

import logging
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from tronrec import hooks
from tronrec.data.formats import FORMATS
from tronrec.datasets import RawLogDataset, RecordDataset
from tronrec.hooks import StaleOutputs

WHOLE = Pipeline(
    [
        Node(lambda log, n: {"n": n}, ["raw_log", "params:n"], "one", name="one"),
        Node(lambda one, m: one | {"m": m}, ["one", "params:m"], "two", name="two"),
        Node(lambda one: one, ["one"], "other", name="other"),
    ],
    namespace="a",
)


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.raw = folder / FORMATS["yoochoose"].files["train"]
        self.raw.write_text("1,2014-04-07T10:51:09.277Z,5,0\n")

    def catalog(self, params: dict[str, int]) -> DataCatalog:
        files = {
            name: RecordDataset(filepath=str(self.folder / f"{name}.json"))
            for name in ("a.one", "a.two", "a.other", "a.recipes")
        }
        values = {f"params:a.{name}": MemoryDataset(v) for name, v in params.items()}
        raw = RawLogDataset(filepath=str(self.folder), format="yoochoose")
        return DataCatalog({**files, **values, "a.raw_log": raw})

    def run(self, pipeline: Pipeline = WHOLE, *, missing: bool = False, **params: int):
        catalog = self.catalog({"n": 1, "m": 1} | params)
        manager = _create_hook_manager()
        manager.register(StaleOutputs())
        run_params: dict[str, Any] = {
            "pipeline_names": ["whole"],
            "only_missing_outputs": missing,
        }
        manager.hook.before_pipeline_run(
            run_params=run_params, pipeline=pipeline, catalog=catalog
        )
        SequentialRunner().run(
            pipeline, catalog, hook_manager=manager, only_missing_outputs=missing
        )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(hooks, "pipelines", {"whole": WHOLE})
    shop = Shop(tmp_path)
    shop.run()
    return shop


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture):
    def read() -> list[str]:
        found = [r.getMessage() for r in caplog.records if r.name == hooks.__name__]
        caplog.clear()
        return found

    caplog.set_level(logging.WARNING, hooks.__name__)
    return read


def test_nothing_is_said_of_outputs_that_are_right(shop: Shop, warnings) -> None:
    shop.run(missing=True)
    shop.run(WHOLE.only_nodes("a.two"))
    assert warnings() == []


def test_changed_parameters(shop: Shop, warnings) -> None:
    shop.run(missing=True, m=2)
    (message,) = warnings()
    assert "have made a.two, and" in message
    assert message.endswith("--from-nodes=a.two")
    shop.run(WHOLE.only_nodes("a.two"), n=2)
    (message,) = warnings()
    assert "a.one" in message
    assert "a.other" in message
    shop.run(n=2, m=2)
    shop.run(missing=True, n=2, m=2)
    assert warnings() == []


def test_changed_raw_files(shop: Shop, warnings) -> None:
    shop.raw.write_text("1,2014-04-07T10:51:09.277Z,56,0\n")
    shop.run(missing=True)
    (message,) = warnings()
    assert "a.one" in message


def test_an_output_that_was_being_replaced_is_of_either_recipe(
    shop: Shop, warnings
) -> None:
    hook = StaleOutputs()
    changed = shop.catalog({"n": 1, "m": 2})
    hook.before_pipeline_run(
        run_params={"pipeline_names": ["whole"]}, pipeline=WHOLE, catalog=changed
    )
    hook.before_dataset_saved(dataset_name="a.two", node=WHOLE.nodes[-1])
    for m in (1, 2):
        shop.run(missing=True, m=m)
        assert "a.two" in warnings()[0]
    shop.run(m=2)
    shop.run(missing=True, m=2)
    assert warnings() == []


def test_outputs_of_unknown_origin_are_left_alone(shop: Shop, warnings) -> None:
    (shop.folder / "a.recipes.json").unlink()
    shop.run(missing=True, m=2)
    assert warnings() == []
