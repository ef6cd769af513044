"""The blocks of the page are all that a log in such a layout needs."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from reference.layouts import LAYOUTS, article, draw_events, sessions_of
from tronrec.config import SystemConfigLoader

PAGE = Path(__file__).parents[2] / "docs" / "your_own_clicks.md"

TINY = {
    "filtering": {"min_item_support": 2},
    "model": {"hidden_size": 8, "feed_forward": 8, "window": 10},
    "sampling": {"uniform": 32, "in_batch": 15, "top_k": 10},
    "training": {"epochs": 1, "batch_size": 32, "warmup_steps": 0},
    "evaluation": {"batch_size": 256},
}

TRAINED = ("hm", "amazon")


def read_blocks(file: str) -> dict[str, Any]:
    """Return what the public layouts of the page state in a file."""
    text = PAGE.read_text("utf-8").split("## Public layouts")[1].split("\n## ")[0]
    blocks = re.findall(rf"```yaml\n# conf/local/{file}\n(.*?)```", text, re.DOTALL)
    stated = [yaml.safe_load(block) for block in blocks]
    return {name: entry for block in stated for name, entry in block.items()}


class Shops:
    """The project with every layout of the page as a data set."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project, self.folder = project, folder
        self.conf, self.data = folder / "conf", folder / "data"
        ignored = shutil.ignore_patterns("local")
        shutil.copytree(project / "conf", self.conf, ignore=ignored)
        (self.conf / "local").mkdir()
        catalog = read_blocks("catalog.yml")
        assert set(catalog) == {f"{name}.raw_log" for name in LAYOUTS}
        for entry in catalog.values():
            entry["filepath"] = entry["filepath"].replace("/data", f"{folder}/raw")
        parameters = read_blocks("parameters.yml")
        blocks = {name: TINY | parameters.get(name, {}) for name in LAYOUTS}
        self._write("catalog.yml", catalog)
        self._write("parameters.yml", blocks)
        self._write("globals.yml", {"data_root": str(self.data)})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        (self.conf / "local" / name).write_text(yaml.safe_dump(content))

    def run(self, verb: str, names: Any) -> None:
        with KedroSession.create(self.project, conf_source=str(self.conf)) as session:
            session.run(pipeline_names=[f"{verb}_{name}" for name in names])

    def table(self, name: str, path: str) -> pl.DataFrame:
        layer, file = path.split("/")
        return pl.read_parquet(self.data / layer / name / file)

    def record(self, name: str, file: str) -> dict[str, Any]:
        path = self.data / "08_reporting" / name / file
        return dict(json.loads(path.read_text()))


@pytest.fixture(scope="module")
def shops(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    bootstrap_project(project)
    shops = Shops(project, tmp_path_factory.mktemp("shops"))
    for layout in LAYOUTS.values():
        layout.write(shops.folder / "raw", draw_events())
    shops.run("prepare", LAYOUTS)
    yield shops
    SystemConfigLoader.in_use = None
    bootstrap_project(project)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read_by_its_block(shops: Shops, name: str) -> None:
    layout, events = LAYOUTS[name], draw_events()
    clicks = shops.table(name, "02_intermediate/clicks.parquet")
    ids = shops.table(name, "02_intermediate/item_ids.parquet")["item_id"]
    if len(ids):
        clicks = clicks.with_columns(ids.gather(clicks["item_id"]))
    grouped = clicks.group_by("session_id", maintain_order=True).agg("item_id")
    found = sorted(map(tuple, grouped["item_id"]))
    assert found == sessions_of(events, layout.key, layout.name_item)
    items = shops.table(name, "05_model_input/items.parquet")["item_id"]
    assert {*items} <= {layout.name_item(event.item) for event in events}


def test_what_is_no_click_is_counted(shops: Shops) -> None:
    events = draw_events()
    others = sum(not event.is_click for event in events)
    for name in ("rees46", "retailrocket", "otto_parquet"):
        train = shops.record(name, "ingestion_report.json")["train"]
        assert (train["clicks"], train["other"]) == (len(events) - others, others)
    assert shops.record("rees46", "ingestion_report.json")["train"]["bad_lines"] == 1


def test_text_ids_go_all_the_way(shops: Shops) -> None:
    shops.run("train", TRAINED)
    for name in TRAINED:
        assert 0 < shops.record(name, "metrics.json")["metrics"]["recall@20"] <= 1
    events = draw_events()
    raw = shops.folder / "raw/hm"
    shutil.copy(raw / "transactions_train.csv", raw / "live-sessions.csv")
    shops.run("recommend", ["hm"])
    folder = shops.data / "07_model_output/hm/recommendations"
    lists = pl.read_parquet(folder / "*.parquet")
    assert {*lists["session"]} == {f"{event.visitor:064x}" for event in events}
    assert {*lists["item"]} <= {article(event.item) for event in events}
