"""A live test over HTTP: each visitor gets the model of the group, and it is logged."""

import json
import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import polars as pl
import pytest

from reference.disks import no_file_above
from reference.trained import make_file
from tronrec.errors import UserError
from tronrec.experiment.assignment import Assignment
from tronrec.experiment.event_log import ExposureLog
from tronrec.experiment.segments import recover
from tronrec.serving.app import Service
from tronrec.serving.live_test import LiveTest, open_test
from tronrec.serving.models import ModelStore
from tronrec.serving.settings import ServiceSettings

from .conftest import Client, serving

KILLS = int(os.environ.get("TRONREC_KILLS", "2"))
SESSION = make_file().item_ids.to_list()[:4]
ASSIGNMENT = Assignment("spring", {"sasrec": 1, "tron": 2})


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for seed, name in enumerate(ASSIGNMENT.groups):
        found[name] = folder / f"{name}.safetensors"
        make_file(seed).checkpoint().save(found[name])
    return found


@pytest.fixture
def live(paths, tmp_path) -> Iterator[tuple[LiveTest, int]]:
    stores = {name: ModelStore(path, "cpu") for name, path in paths.items()}
    test = LiveTest(ASSIGNMENT, stores, ExposureLog(tmp_path / "log"))
    with serving(Service(test.control, ServiceSettings(), test=test)) as port:
        yield test, port


def lists_of(paths) -> dict[str, list[str]]:
    """The first five of each group's model."""
    stores = {name: ModelStore(path, "cpu") for name, path in paths.items()}
    return {
        name: store.current.model.recommend([SESSION], k=5)["item"].to_list()
        for name, store in stores.items()
    }


def test_each_visitor_gets_the_model_of_the_group_and_it_is_logged(live, paths):
    test, port = live
    expected, shown = lists_of(paths), {}
    assert expected["sasrec"] != expected["tron"]

    def visit(visitors) -> None:
        with Client(port) as client:
            for visitor in visitors:
                given = client.recommend(SESSION, k=5, visitor=visitor)
                items = [one["item"] for one in given["recommendations"]]
                assert given["group"] == ASSIGNMENT.group(visitor)
                assert items == expected[given["group"]]
                shown[given["exposure"]] = (str(visitor), given["group"], items)

    threads = [
        threading.Thread(target=visit, args=(own,))
        for own in (range(60), [f"v{number}" for number in range(60)], range(30))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shown) == 150
    with Client(port) as client:
        text = client.ask("GET", "/metrics")[1].decode()
    assert "tronrec_exposures 150.0" in text
    test.close()
    folder = next(path.parent for path in [test._log._stem])
    for row in pl.read_parquet(folder / "*.parquet").iter_rows(named=True):
        own = row["visitor_id"], row["group"], row["items"]
        assert shown.pop(row["exposure_id"]) == own
    assert shown == {}


def test_who_names_no_visitor_gets_the_control_and_is_in_no_test(live, paths):
    test, port = live
    with Client(port) as client:
        given = client.recommend(SESSION, k=5)
    assert given["group"] is None and given["exposure"] is None
    items = [one["item"] for one in given["recommendations"]]
    assert items == lists_of(paths)["sasrec"]
    assert test.shown == 0


def test_without_a_test_a_visitor_changes_nothing(client: Client):
    given = client.recommend(["sku-0101"], visitor="a")
    assert given["group"] is None and given["exposure"] is None


@pytest.mark.parametrize("visitor", ["", True, 1.5, "x" * 201, ["a"]])
def test_a_visitor_is_text_or_a_whole_number(client: Client, visitor):
    status, problems = client.refused({"session": [], "visitor": visitor})
    assert status == 422 and list(problems) == ["visitor"]
    if isinstance(visitor, str):
        assert re.search(r"must have at (least 1|most 200) char", str(problems))


def test_a_log_that_cannot_be_written_keeps_no_list_back(live, monkeypatch):
    test, port = live

    def fail(*_) -> str:
        raise OSError("no space left")

    monkeypatch.setattr(test._log, "show", fail)
    with Client(port) as client:
        given = client.recommend(SESSION, k=5, visitor="a")
        assert len(given["recommendations"]) == 5
        assert given["group"] and given["exposure"] is None
        text = client.ask("GET", "/metrics")[1].decode()
    assert "tronrec_unlogged 1.0" in text


def test_a_full_disk_at_the_end_loses_no_exposure(tmp_path, caplog):
    test = LiveTest(ASSIGNMENT, {}, ExposureLog(tmp_path))
    number = test.show("a", "tron", SESSION)
    with no_file_above(0):
        test.close()
    assert "too large" in caplog.text and "wait in their segments" in caplog.text
    test._log._segment._stack.close()  # as the end of the process does
    assert recover(tmp_path, "exposures") == 0
    assert pl.read_parquet(tmp_path / "*.parquet")["exposure_id"].to_list() == [number]


def test_kills_of_the_service_lose_no_exposure(start, paths, tmp_path):
    """What was answered is in the log, once; beyond it, one list a client at most."""
    folder = tmp_path / "log"
    options = [f"--group={name}={path}" for name, path in paths.items()]
    options += ["--salt=spring", f"--exposures={folder}"]
    answered: list[str] = []
    for _ in range(KILLS):
        process, port = start(*options)

        def ask(visitor: int, port: int = port) -> None:
            with Client(port) as client:
                while True:
                    try:
                        given = client.recommend(SESSION, k=5, visitor=visitor)
                    except (OSError, HTTPException, json.JSONDecodeError):
                        return
                    answered.append(given["exposure"])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while not answered:
            time.sleep(0.01)
        time.sleep(random.uniform(0.1, 2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for thread in threads:
            thread.join()
    assert recover(folder, "exposures") == 0
    found = pl.read_parquet(folder / "*.parquet")["exposure_id"]
    assert found.is_unique().all()
    assert set(answered) <= set(found)
    assert len(found) <= len(answered) + 4 * KILLS
    assert sorted(path.suffix for path in folder.iterdir())[0] == ".parquet"


def test_a_folder_for_the_log_that_cannot_be_made_is_named(paths, tmp_path):
    (tmp_path / "file").touch()
    groups = [f"{name}={path}" for name, path in paths.items()]
    refusal = pytest.raises(UserError, match=r"file/log cannot be written: .*Make room")
    with refusal:
        open_test(groups, "spring", tmp_path / "file/log", lambda path: None)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--model=x", "--group=a=b"], "give one of --model file and --group"),
        (["--group=tron"], "--group tron: must be name=file or name=file:weight"),
        (["--group=a=b:c"], "--group a=b:c: must be"),
        (["--group=a=b"], "needs two groups or more"),
        (["--group=a=b", "--group=a=c"], "each with a name of its own"),
        (["--group=a=b", "--group=c=d"], "needs --salt, its name"),
        (["--model=x", "--salt=y"], "are for a live test, with --group"),
    ],
)
def test_a_test_that_is_not_complete_is_refused(options, reason):
    from click.testing import CliRunner

    from tronrec.serving.command import serve

    result = CliRunner().invoke(serve, options)
    assert result.exit_code == 1
    assert reason in result.output
