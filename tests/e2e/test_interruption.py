"""A run that is killed loses no finished epoch, leaves no torn file, and goes on."""

import json
import random
import signal
import time

import polars as pl
import torch

from tronrec.checkpoint import Checkpoint

from .conftest import Shop

KILLS = 10
EPOCHS = 12


def train(shop: Shop, otto: Shop) -> list[str]:
    raw = f"raw_root={otto.data / '01_raw'}"
    return ["--pipeline=train_otto", f"--params={raw},otto.training.epochs={EPOCHS}"]


def finished_epochs(shop: Shop) -> int:
    """Return the epochs of the checkpoint, which must be whole if it is there."""
    path = shop.data / "06_models/otto/checkpoint.safetensors"
    return len(Checkpoint.load(path).state.history) if path.exists() else 0


def test_ten_kills_at_random_moments_change_nothing(otto: Shop, open_shop):
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
