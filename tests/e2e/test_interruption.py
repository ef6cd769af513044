"""A run that is killed loses no finished epoch, leaves no torn file, and goes on."""

import json
import os
import random
import signal
import time

import polars as pl
import torch

from tronrec.checkpoint import Checkpoint
from tronrec.reporting.paper import LABELS

from .conftest import Shop, wait_until

KILLS = int(os.environ.get("TRONREC_KILLS", "3"))
"""More take longer: set the variable to 20 for the full test."""
EPOCHS = 12


def train(shop: Shop, otto: Shop) -> list[str]:
    raw = f"raw_root={otto.data / '01_raw'}"
    return ["--pipeline=train_otto", f"--params={raw},otto.training.epochs={EPOCHS}"]


def finished_epochs(shop: Shop) -> int:
    """Return the epochs of the checkpoint, which must be whole if it is there."""
    path = shop.data / "06_models/otto/checkpoint.safetensors"
    return len(Checkpoint.load(path).state.history) if path.exists() else 0


def test_kills_at_random_moments_change_nothing(otto: Shop, open_shop):
    unbroken, killed = open_shop(), open_shop()
    started = time.monotonic()
    unbroken.run(*train(unbroken, otto))
    whole = time.monotonic() - started

    done = 0
    for _ in range(KILLS):
        process = killed.start(*train(killed, otto))
        time.sleep(random.uniform(0.3, 0.9) * whole)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert finished_epochs(killed) >= done
        done = finished_epochs(killed)
    killed.run(*train(killed, otto))

    models = "06_models/otto"
    for name in ("checkpoint", "model"):
        file = f"{models}/{name}.safetensors"
        ours, theirs = (
            Checkpoint.load(killed.data / file),
            Checkpoint.load(unbroken.data / file),
        )
        assert ours.tensors.keys() == theirs.tensors.keys()
        assert all(
            torch.equal(ours.tensors[k], theirs.tensors[k]) for k in ours.tensors
        )
    times = pl.selectors.ends_with("seconds")
    histories = [
        pl.read_parquet(shop.data / models / "history.parquet").drop(times)
        for shop in (killed, unbroken)
    ]
    assert histories[0].equals(histories[1])
    metrics = [
        json.loads((shop.data / "08_reporting/otto/metrics.json").read_text())
        for shop in (killed, unbroken)
    ]
    assert metrics[0] == metrics[1]


def test_an_unfinished_training_is_not_taken_for_a_finished_one(otto: Shop, open_shop):
    shop: Shop = open_shop()
    command = [*train(shop, otto), "--only-missing-outputs"]
    kill_when(shop, command, lambda: finished_epochs(shop) > 1)
    done = finished_epochs(shop)
    assert done < EPOCHS
    skipped = shop.run(
        *train(shop, otto), "--from-nodes=otto.training.calibrate_ranking"
    )
    assert "An earlier run has not finished otto.history, otto.checkpoint" in skipped
    assert "give --from-nodes=otto.training.train_model" in skipped
    shop.run(*command)
    summary = (shop.data / "08_reporting/otto/summary.md").read_text()
    assert f"of {EPOCHS}, chosen by" in summary
    assert finished_epochs(shop) == EPOCHS


def test_an_unfinished_benchmark_is_not_taken_for_a_finished_one(otto, open_shop):
    shop: Shop = open_shop()
    systems = "otto.benchmark.systems=tron_xl sasrec_ssm gru4rec_plus"
    small = "otto.benchmark.epochs=2,otto.benchmark.resamples=100"
    raw = f"raw_root={otto.data / '01_raw'}"
    command = ["--pipeline=benchmark_otto", f"--params={raw},{systems},{small}"]
    command += ["--only-missing-outputs"]
    checkpoints = shop.data / "06_models/otto/benchmark"
    kill_when(shop, command, lambda: len(list(checkpoints.glob("*.safetensors"))) > 1)
    shop.run(*command)
    results = json.loads((shop.data / "08_reporting/otto/benchmark.json").read_text())
    named = results.keys() & {*LABELS, "as_configured"}
    assert named == {"tron_xl", "sasrec_ssm", "gru4rec_plus", "as_configured"}
    assert {results[name]["epochs"] for name in named} == {2}


def kill_when(shop: Shop, command: list[str], happened) -> None:
    process = shop.start(*command)
    try:
        wait_until(happened)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
