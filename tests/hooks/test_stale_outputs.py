"""Outputs of other data or parameters are named, whatever way a run passes them by."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import AbstractRunner, SequentialRunner, ThreadRunner

from reference.data import make_card
from tronrec.checkpoint import Checkpoint
from tronrec.data.formats import FORMATS
from tronrec.datasets import RawLogDataset, RecordDataset
from tronrec.datasets.checkpoint import CheckpointDataset, ModelDataset
from tronrec.hooks import RunCatalog, RunGuard, StaleOutputs, guard, stale_outputs

WHOLE = Pipeline(
    [
        Node(lambda log, n: {"n": n}, ["raw_log", "params:n"], "one", name="one"),
        Node(lambda one, m: one | {"m": m}, ["one", "params:m"], "two", name="two"),
        Node(lambda one: one, ["one"], "other", name="other"),
    ],
    namespace="a",
)


def count(one: dict[str, int], last: dict[str, int]) -> Iterator[dict[str, int]]:
    """Yield numbers from where the last run stopped; that of `stop` is not reached."""
    for number in range(last.get("number", 0) + 1, 4):
        if number == one.get("stop"):
            raise KeyboardInterrupt
        yield {"number": number}


YIELDING = Pipeline(
    [
        Node(lambda log, n: {"stop": n}, ["raw_log", "params:n"], "one", name="one"),
        Node(count, ["one", "last_number"], "number", name="count"),
        Node(lambda number: number, ["number"], "result", name="result"),
    ],
    namespace="a",
)


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guard = RunGuard()
        self.raw = folder / FORMATS["yoochoose"].files["train"]
        self.raw.write_text("1,2014-04-07T10:51:09.277Z,5,0\n")

    def catalog(self, params: dict[str, int]) -> RunCatalog:
        files = {
            name: RecordDataset(filepath=str(self.folder / f"{name}.json"))
            for name in ("a.one", "a.two", "a.other", "a.recipes")
        }
        number = str(self.folder / "a.number.json")
        files |= {
            "a.number": RecordDataset(filepath=number),
            "a.last_number": RecordDataset(filepath=number, missing_ok=True),
            "a.result": RecordDataset(filepath=str(self.folder / "a.result.json")),
        }
        values = {f"params:a.{name}": MemoryDataset(v) for name, v in params.items()}
        raw = RawLogDataset(filepath=str(self.folder), format="yoochoose")
        return RunCatalog({**files, **values, "a.raw_log": raw})

    def run(
        self,
        pipeline: Pipeline = WHOLE,
        *,
        missing: bool = False,
        runner: type[AbstractRunner] = SequentialRunner,
        **params: int,
    ) -> None:
        catalog = self.catalog({"n": 1, "m": 1} | params)
        self.run_on(catalog, pipeline, missing=missing, runner=runner)

    def run_on(
        self,
        catalog: RunCatalog,
        pipeline: Pipeline,
        *,
        missing: bool = False,
        runner: type[AbstractRunner] = SequentialRunner,
    ) -> None:
        manager = _create_hook_manager()
        manager.register(self.guard)
        manager.register(StaleOutputs())
        globals_ = {"globals": {"data_root": "data"}}
        context = SimpleNamespace(project_path=self.folder, config_loader=globals_)
        manager.hook.after_context_created(context=context)
        run_params: dict[str, Any] = {
            "pipeline_names": ["whole"],
            "only_missing_outputs": missing,
        }
        manager.hook.before_pipeline_run(
            run_params=run_params, pipeline=pipeline, catalog=catalog
        )
        runner().run(
            pipeline, catalog, hook_manager=manager, only_missing_outputs=missing
        )
        manager.hook.after_pipeline_run(
            run_params=run_params, run_result={}, pipeline=pipeline, catalog=catalog
        )

    def load(self, name: str) -> Any:
        return self.catalog({}).load(f"a.{name}")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for module in (stale_outputs, guard):
        monkeypatch.setattr(module, "pipelines", {"whole": WHOLE})
    shop = Shop(tmp_path)
    shop.run()
    return shop


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture):
    def read() -> list[str]:
        found = [
            r.getMessage() for r in caplog.records if r.name == stale_outputs.__name__
        ]
        caplog.clear()
        return found

    caplog.set_level(logging.WARNING, stale_outputs.__name__)
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
    hook.before_dataset_saved(dataset_name="a.two", data={}, node=WHOLE.nodes[-1])
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


@pytest.fixture
def yielding(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose counting was stopped after 2 of 3 numbers."""
    monkeypatch.setattr(stale_outputs, "pipelines", {"whole": YIELDING})
    with pytest.raises(KeyboardInterrupt):
        shop.run(YIELDING, n=3)
    assert shop.load("number") == {"number": 2}
    shop.catalog({}).save("a.one", {})  # nothing stops it again
    return shop


def test_an_unfinished_output_is_gone_on_with(yielding: Shop, warnings) -> None:
    yielding.run(YIELDING, missing=True, n=3)
    assert yielding.load("result") == {"number": 3}
    yielding.run(YIELDING, missing=True, n=3)
    yielding.run(YIELDING.only_nodes("a.result"), n=3)
    assert warnings() == []


def test_an_unfinished_output_is_named(yielding: Shop, warnings) -> None:
    yielding.run(YIELDING.only_nodes("a.result"), n=3)
    (message,) = warnings()
    assert "has not finished a.number, and" in message
    assert message.endswith("--from-nodes=a.count")
    assert yielding.load("result") == {"number": 2}


def test_what_is_made_of_an_unfinished_output_is_made_again(
    yielding: Shop, warnings
) -> None:
    yielding.run(YIELDING.only_nodes("a.result"), n=3)
    yielding.run(YIELDING, missing=True, n=3)
    assert yielding.load("result") == {"number": 3}
    warnings()
    yielding.run(YIELDING.only_nodes("a.one"), n=3)
    assert warnings() == []


def test_nodes_may_run_in_threads(shop: Shop, warnings) -> None:
    many = Pipeline(
        [
            Node(lambda log: {"of": "log"}, ["raw_log"], "one", name="one"),
            Node(lambda one: one, ["one"], "two", name="two"),
            Node(lambda one: one, ["one"], "other", name="other"),
            Node(lambda one: one, ["one"], "result", name="result"),
        ],
        namespace="a",
    )
    stale_outputs.pipelines["whole"] = many
    for _ in range(10):
        (shop.folder / "a.recipes.json").unlink()
        shop.run(many, runner=ThreadRunner)
        names = {"a.one", "a.two", "a.other", "a.result"}
        assert shop.load("recipes").keys() == names
    shop.run(many, missing=True)
    assert warnings() == []


def test_a_model_that_stays_keeps_its_recipe(shop: Shop, monkeypatch) -> None:
    """A node that hands the model back has not made it."""
    path = str(shop.folder / "model.safetensors")
    made = Checkpoint({"row": torch.ones(1)}, make_card(epoch=1))

    def run(n: int, name: str, func, *inputs: str) -> None:
        node = Node(func, [*inputs, "params:n"], "model", name=name)
        catalog = shop.catalog({"n": n, "m": 1})
        catalog["a.model"] = ModelDataset(filepath=path)
        catalog["a.former_model"] = ModelDataset(filepath=path)
        pipeline = Pipeline([node], namespace="a")
        monkeypatch.setattr(stale_outputs, "pipelines", {"whole": pipeline})
        shop.run_on(catalog, pipeline)

    run(1, "train", lambda n: made)
    recipe = shop.load("recipes")["a.model"]
    run(2, "refresh", lambda former, n: former, "former_model")
    assert shop.load("recipes")["a.model"] == recipe
    other = Checkpoint(made.tensors, make_card(epoch=2))
    run(2, "refresh", lambda former, n: other, "former_model")
    assert shop.load("recipes")["a.model"] != recipe


def test_a_report_is_unfinished_until_its_model_is_in_place(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two, a run with `--only-missing-outputs` does both again."""
    former, new = (Checkpoint({"r": torch.ones(1)}, make_card(epoch=n)) for n in (1, 2))
    dataset = ModelDataset(filepath=str(shop.folder / "model.safetensors"))
    dataset.save(former)

    def replace(n: int) -> Iterator[tuple[dict[str, int], Checkpoint]]:
        yield {"n": n}, new

    node = Node(replace, ["params:n"], ["result", "model"], name="replace")
    pipeline = Pipeline([node], namespace="a")
    monkeypatch.setattr(stale_outputs, "pipelines", {"whole": pipeline})
    catalog = shop.catalog({"n": 1, "m": 1})
    catalog["a.model"] = dataset

    def die(self: ModelDataset, data: Checkpoint) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(CheckpointDataset, "save", die)
        with pytest.raises(KeyboardInterrupt):
            shop.run_on(catalog, pipeline)
    assert shop.load("result") == {"n": 1}
    assert dataset.load().card.epoch == 1
    shop.run_on(catalog, pipeline, missing=True)
    assert dataset.load().card.epoch == 2
