"""Pairs of verbs started together on one data root: each ends well, or is refused."""

import json
import os
import random
import time
from pathlib import Path
from threading import Timer

import polars as pl
import pytest

from commands import Started
from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions

from .conftest import Shop

PAIRS = int(os.environ.get("TRONREC_PAIRS", "2"))
"""More take longer: set the variable to 20 for the full test."""
SUPPORTS = (2, 3)
"""Values of `filtering.min_item_support`: as many preparations."""


class Busy(Shop):
    """A shop on which all verbs have run, and what its data may be from now on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.run("--pipeline=simulate_otto")
        self.fingerprints = [self._prepare(support) for support in SUPPORTS]
        self.run("--pipeline=train_otto")
        self.run(*arguments("benchmark", SUPPORTS[0], 0))
        self.run(*arguments("tune", SUPPORTS[0], 0))
        self.known = set(self.files())

    def _prepare(self, support: int) -> dict[str, str]:
        filtering = f"otto.filtering.min_item_support={support}"
        self.run("--pipeline=prepare_otto", f"--params={filtering}")
        folder = self.data / "05_model_input/otto"
        return {
            part: PackedSessions.load(
                folder / f"{part}_sessions.safetensors"
            ).fingerprint()
            for part in ("fit", "validation", "test")
        }


def arguments(verb: str, support: int, number: int) -> list[str]:
    """Return a command line; the pair's number makes trainings and studies new ones."""
    pipeline, _, start = verb.partition(" ")
    small = "otto.benchmark.systems=as_configured,otto.benchmark.epochs=1"
    search = f"otto.tuning.study=s{number},otto.tuning.trials=2,otto.tuning.epochs=1"
    params = {
        "train": f"otto.training.epochs={1 + number % 3},otto.training.seed={number}",
        "tune": f"{search},otto.tuning.warm_start=as_configured",
        "benchmark": f"{small},otto.benchmark.resamples=100",
        "refresh": f"otto.refresh.epochs={1 + number % 2},otto.refresh.tolerance=1",
    }.get(pipeline, "otto.device=cpu")
    values = f"otto.filtering.min_item_support={support},{params}"
    starts = {
        "train": "otto.training.train_model,otto.evaluation.evaluate_baselines",
        "tune": "otto.tuning.open_study",
        "benchmark": "otto.benchmark.train_systems,otto.benchmark.rank_baselines",
    }
    option = {
        "": [],
        "missing": ["--only-missing-outputs"],
        "threads": ["--runner=ThreadRunner"],
        "middle": [f"--from-nodes={starts.get(pipeline)}"],
    }[start]
    return [f"--pipeline={pipeline}_otto", f"--params={values}", *option]


VERBS = (
    *("simulate", "prepare", "prepare missing", "evaluate"),
    *("train", "train middle", "train missing", "train threads"),
    *("tune", "tune middle", "benchmark", "benchmark middle", "refresh"),
)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Busy:
    return Busy(tmp_path_factory.mktemp("busy"))


def test_random_pairs_of_verbs(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    seed = random.randrange(10**6)
    generator = random.Random(seed)
    for number in range(1, PAIRS + 1):
        pair = [
            arguments(generator.choice(VERBS), generator.choice(SUPPORTS), number)
            for _ in range(2)
        ]
        started = []
        for command in pair:
            started.append(busy.start(*command))
            time.sleep(generator.choice([0, 0, 1, 4]))
        printed = [finish(process) for process in started]
        codes = [process.returncode for process in started]
        story = "\n".join((f"seed {seed}, pair {number}, {codes}", *map(str, pair)))
        check(busy, codes, printed, story + "\n" + "\n".join(printed))


def finish(process: Started) -> str:
    """Return what a run printed; one that hangs is killed, and says where it was."""
    timer = Timer(900, process.kill)
    timer.start()
    printed, _ = process.communicate()
    timer.cancel()
    return printed


def check(busy: Busy, codes: list[int], printed: list[str], story: str) -> None:
    assert not any("Traceback" in text for text in printed), story
    for code, text in zip(codes, printed, strict=True):
        assert code == 0 or (code == 1 and "Error: " in text), story
    refused = any("Another run" in text for text in printed)
    outdated = any("The model was trained on other" in text for text in printed)
    assert 0 in codes or not refused or outdated, story
    assert busy.known <= {*busy.files()}, story
    assert not [name for name in busy.files() if ".part/" in name], story
    assert not list(busy.data.glob(".locks/*.json")), story
    check_report(busy, story)


def check_report(busy: Busy, story: str) -> None:
    """Check that all parts of the report are of one training and one preparation."""
    reports, models = busy.data / "08_reporting/otto", busy.data / "06_models/otto"
    metrics = json.loads((reports / "metrics.json").read_text())
    run = json.loads((reports / "run.json").read_text())
    assert run["metrics"] == metrics, story
    assert run["data"] in busy.fingerprints, story
    card = Checkpoint.load(models / "model.safetensors").card
    if card.data.origin is None:  # else refreshed, and no longer the reported one
        assert card.data.fit == run["data"]["fit"], story
        assert metrics["parameters"] == card.parameters.model_dump(mode="json"), story
    epochs = metrics["parameters"]["training"]["epochs"]
    history = pl.read_parquet(models / "history.parquet")
    assert history["epoch"].to_list() == list(range(1, epochs + 1)), story
    assert f"of {epochs}, chosen by" in (reports / "summary.md").read_text(), story
