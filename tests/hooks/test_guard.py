"""A run that gets in another's way, or lacks something, is refused before it starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DatasetError, MemoryDataset
from kedro.pipeline import Node, Pipeline

from tronrec.data.formats import FORMATS
from tronrec.datasets import RawLogDataset, RecordDataset
from tronrec.datasets.checkpoint import ModelDataset
from tronrec.errors import UserError
from tronrec.hooks import RunCatalog, RunGuard, guard
from tronrec.params import ParallelParams
from tronrec.pipelines.tuning.pipeline import SHARED

PREPARE = Pipeline([Node(lambda log: {}, ["raw_log"], "sessions", name="prepare")])
TRAIN = Pipeline(
    [
        Node(lambda s, _: {}, ["sessions", "params:parallel"], "model", name="train"),
        Node(lambda model: model, ["model"], "in_memory", name="select"),
        Node(lambda model: model, ["in_memory"], "metrics", name="measure"),
    ]
)
TUNE = Pipeline(
    [
        Node(lambda s: {}, ["sessions"], "study", name="search"),
        Node(lambda s: {}, ["study"], "trials", name="tabulate", tags=SHARED),
    ]
)


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / FORMATS["yoochoose"].files["train"]).write_text("")

    def catalog(self, **parallel: Any) -> RunCatalog:
        names = ("sessions", "model", "metrics", "trials", "recipes")
        files = {
            f"a.{name}": RecordDataset(filepath=str(self.folder / f"{name}.json"))
            for name in names
        }
        raw = RawLogDataset(filepath=str(self.folder), format="yoochoose")
        workers = MemoryDataset(ParallelParams(**parallel))
        return RunCatalog(files | {"a.raw_log": raw, "params:a.parallel": workers})

    def make(self, *names: str) -> None:
        for name in names:
            self.catalog().save(f"a.{name}", {})

    @contextmanager
    def running(
        self, pipeline: Pipeline, *, missing: bool = False, runner: str = "", **parallel
    ) -> Iterator[None]:
        manager = _create_hook_manager()
        manager.register(RunGuard())
        globals_ = {"globals": {"data_root": "data"}}
        context = SimpleNamespace(project_path=self.folder, config_loader=globals_)
        manager.hook.after_context_created(context=context)
        params = {"only_missing_outputs": missing, "runner": runner}
        arguments = {
            "run_params": params,
            "pipeline": Pipeline(pipeline, namespace="a"),
            "catalog": self.catalog(**parallel),
        }
        manager.hook.before_pipeline_run(**arguments)
        try:
            yield
        except ZeroDivisionError as error:
            manager.hook.on_pipeline_error(error=error, **arguments)
            raise
        manager.hook.after_pipeline_run(run_result={}, **arguments)

    def refuse(self, pipeline: Pipeline, **options: Any) -> str:
        refusal = pytest.raises((UserError, DatasetError))
        with refusal as refused, self.running(pipeline, **options):
            pass
        return str(refused.value)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    registered = {"prepare_a": PREPARE, "train_a": PREPARE + TRAIN}
    named = {k: Pipeline(v, namespace="a") for k, v in registered.items()}
    monkeypatch.setattr(guard, "pipelines", named)
    return Shop(tmp_path)


def test_what_a_run_writes_or_reads_is_not_written_by_another(shop: Shop) -> None:
    with shop.running(PREPARE + TRAIN):
        assert "writing a.metrics, a.model" in shop.refuse(TRAIN)
        assert "writing a.sessions" in shop.refuse(TUNE)
    shop.make("sessions")
    with shop.running(TRAIN), shop.running(TUNE):
        assert "reading a.sessions" in shop.refuse(PREPARE)
    with shop.running(PREPARE):
        pass


def test_a_failed_run_lets_go(shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError), shop.running(PREPARE):
        raise ZeroDivisionError
    with shop.running(PREPARE):
        pass


def test_workers_share_a_study_but_not_its_preparation(shop: Shop) -> None:
    shop.make("sessions")
    with shop.running(TUNE), shop.running(TUNE), shop.running(TUNE):
        assert "reading a.sessions" in shop.refuse(PREPARE + TUNE)


def test_machines_that_train_together_write_the_same(shop: Shop) -> None:
    shop.make("sessions")
    together = {"machines": 2, "rendezvous": "host:1"}
    with shop.running(TRAIN, **together), shop.running(TRAIN, **together):
        assert "writing" in shop.refuse(TRAIN)
        assert "writing" in shop.refuse(TRAIN, machines=2, rendezvous="host:2")


def test_a_run_claims_no_more_than_it_makes(shop: Shop) -> None:
    shop.make("sessions", "model", "metrics")
    with shop.running(PREPARE + TRAIN, missing=True), shop.running(PREPARE + TRAIN):
        pass
    (shop.folder / "metrics.json").unlink()
    with shop.running(PREPARE + TRAIN, missing=True):
        assert "writing a.metrics" in shop.refuse(TRAIN)
        with shop.running(PREPARE):
            pass


def test_what_is_made_in_memory_for_a_missing_file_is_read_as_well(shop: Shop) -> None:
    shop.make("sessions")
    with shop.running(PREPARE + TUNE, missing=True):
        assert "reading a.sessions" in shop.refuse(PREPARE)
    shop.make("trials")
    with shop.running(PREPARE + TUNE, missing=True), shop.running(PREPARE):
        pass


def test_what_is_missing_is_named_with_what_makes_it(shop: Shop) -> None:
    remedy = "a.sessions: `kedro run --pipelines=prepare_a` makes them"
    assert shop.refuse(TRAIN) == f"Inputs are missing:\n  {remedy}"
    with shop.running(PREPARE + TRAIN):
        pass
    for path in shop.folder.glob("yoochoose*"):
        path.unlink()
    assert "No raw file" in shop.refuse(PREPARE)


def test_a_name_that_only_reads_is_missed_like_the_one_that_writes(shop: Shop) -> None:
    catalog, path = shop.catalog(), str(shop.folder / "model.safetensors")
    catalog["a.former"] = ModelDataset(filepath=path, written_as="a.model")
    remedy = "a.former: `kedro run --pipelines=train_a` makes them"
    assert [*guard._missing(["a.former"], catalog)] == [remedy]


def test_a_runner_that_cannot_work_is_refused(shop: Shop) -> None:
    printed = "<kedro.runner.parallel_runner.ParallelRunner object at 0x1>"
    assert "take ThreadRunner" in shop.refuse(PREPARE, runner=printed)


def test_a_node_that_changes_a_parameter_changes_its_copy() -> None:
    value = {"training": {"epochs": [1, 2]}}
    names = "params:otto", "parameters"
    catalog = RunCatalog()
    for name in names:
        catalog[name] = value
    value["training"]["epochs"].append(3)
    for name in names:
        catalog.load(name)["training"]["epochs"].clear()
        assert catalog.load(name) == {"training": {"epochs": [1, 2]}}
