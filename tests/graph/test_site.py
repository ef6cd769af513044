"""The whole site of Kedro-Viz."""

import json
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import polars as pl
import pytest
from click.testing import CliRunner
from kedro.io import DataCatalog

from tronrec import cli
from tronrec.errors import UserError
from tronrec.graph import command
from tronrec.pipeline_registry import create_pipelines

pytestmark = pytest.mark.filterwarnings("ignore:ORJSONResponse is deprecated")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tronrec.graph.site import write_site

    folder = tmp_path_factory.mktemp("graph")
    table = {
        "type": "tronrec.datasets.LazyFrameDataset",
        "filepath": str(folder / "clicks.parquet"),
        "metadata": {"kedro-viz": {"layer": "intermediate"}},
    }
    pl.DataFrame({"item": [5, 6]}).write_parquet(folder / "clicks.parquet")
    runs = {
        "type": "tronrec.datasets.RecordDataset",
        "filepath": str(folder / "runs.json"),
    }
    catalog = DataCatalog.from_config({"shop.clicks": table, "shop.node_runs": runs})
    run = {"ended": "2026-01-02T03:04:05+00:00", "seconds": 1.5, "error": "no memory"}
    catalog.save("shop.node_runs", {"shop.training.train_model": run})
    pipelines = create_pipelines(["shop"])
    del pipelines["__default__"]  # as for one data set
    run = "kedro run --env=sample"
    write_site(folder / "site", catalog, pipelines, run)
    write_site(folder / "site", catalog, pipelines, run)  # in place of the first
    return folder / "site"


def answer(site: Path, name: str) -> dict[str, Any]:
    return json.loads((site / "api" / name).read_bytes())


def test_a_training_comes_first_and_opens_on_its_stages(site: Path) -> None:
    assert (site / "index.html").exists()
    pages = [path.name for path in (site / "api/pipelines").iterdir()]
    assert {*pages} == {
        *create_pipelines(["shop"])
    }  # the default is of the page of runs
    boxes = answer(site, "pipelines/train_shop")["modular_pipelines"]
    assert sorted(box["name"] for box in boxes.values()) == [
        *("__root__", "encoding", "evaluation", "filtering", "ingestion"),
        *("reporting", "splitting", "training"),
    ]


def test_data_have_size_preview_and_command(site: Path) -> None:
    nodes = answer(site, "pipelines/train_shop")["nodes"]
    (clicks,) = (node["id"] for node in nodes if node["name"] == "shop.clicks")
    details = answer(site, f"nodes/{clicks}")
    assert details["stats"]["rows"] == 2
    assert details["preview"]["data"] == [["5"], ["6"]]
    assert details["run_command"] == (
        "kedro run --env=sample --pipelines=prepare_shop --to-outputs=shop.clicks"
    )


def test_the_page_of_runs_shows_the_training(site: Path) -> None:
    shown = answer(site, "pipelines/__default__")
    assert shown == answer(site, "pipelines/train_shop")
    (failed,) = (n["id"] for n in shown["nodes"] if n["name"] == "train_model")
    status = answer(site, "run-status")
    assert status["nodes"][failed]["error"]["message"] == "no memory"
    assert [data["name"] for data in status["datasets"].values()] == ["shop.clicks"]


def test_the_page_of_runs_can_be_opened_by_its_address(site: Path) -> None:
    handler = partial(command._QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for address in ("workflow", "workflow?pid=train_shop", "workflow/"):
            url = f"http://127.0.0.1:{server.server_port}/{address}"
            with urlopen(url) as answered:
                assert answered.read() == (site / "index.html").read_bytes()
        server.shutdown()


def test_a_folder_of_something_else_stays(tmp_path: Path) -> None:
    from tronrec.graph.site import write_site

    (tmp_path / "mine.txt").touch()
    with pytest.raises(UserError, match="not a site of this command; name another"):
        write_site(tmp_path, DataCatalog(), {}, "kedro run")
    assert (tmp_path / "mine.txt").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    from tronrec.graph.site import write_site

    (tmp_path / "mine.txt").touch()
    pipelines = {"train_shop": create_pipelines(["shop"])["train_shop"]}
    with pytest.raises(UserError, match=r"mine\.txt/site cannot be written: "):
        write_site(tmp_path / "mine.txt/site", DataCatalog(), pipelines, "kedro run")


def test_mistakes_are_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(cli.graph, ["oto", "--no-serve"])
    assert result.stderr == "Error: oto: unknown; did you mean otto?\n"
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    result = CliRunner().invoke(cli.graph, ["otto", "--no-serve"])
    assert result.stderr.startswith("Error: Kedro-Viz is not installed: pip install")
