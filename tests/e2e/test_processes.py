"""Training in two processes through the command line: stopped, killed, gone on with."""

import signal
import sys
from pathlib import Path

import pytest

from commands import Started
from tronrec.checkpoint import Checkpoint

from .conftest import Shop, wait_until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="finds child processes in /proc"
)


def train(shop: Shop, otto: Shop, epochs: int) -> list[str]:
    values = f"epochs={epochs},schedule=constant,warmup_steps=0".split(",")
    training = ",".join(f"otto.training.{value}" for value in values)
    raw = f"raw_root={otto.data / '01_raw'}"
    return [
        "--pipeline=train_otto",
        f"--params={raw},{training},otto.parallel.processes=2,otto.device=cpu",
        *(["--from-nodes=otto.training.train_model"] if finished_epochs(shop) else []),
    ]


def finished_epochs(shop: Shop) -> int:
    path = shop.data / "06_models/otto/checkpoint.safetensors"
    return len(Checkpoint.load(path).state.history) if path.exists() else 0


def children(process: Started) -> list[Path]:
    """Return the folders in /proc of the children: there while they live."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [Path("/proc") / pid for file in threads for pid in file.read_text().split()]


def test_a_run_in_threads_ends_with_its_workers(
    otto: Shop, open_shop, tmp_path: Path, monkeypatch
):
    """Kedro waits for the threads of `ThreadRunner`, which no signal reaches."""
    shop = open_shop()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = shop.start(*train(shop, otto, 100_000), "--runner=ThreadRunner")
    try:
        wait_until(lambda: finished_epochs(shop))
        workers = children(process)
    finally:
        process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert printed.endswith("Aborted!\n")
    assert "Traceback" not in printed
    wait_until(lambda: not any(path.exists() for path in workers))
    assert not [*tmp_path.glob("tronrec-*"), *tmp_path.glob("torchelastic_*")]
    assert not [name for name in shop.files() if ".part/" in name]


def test_no_worker_outlives_the_run_which_goes_on_where_it_was(otto: Shop, open_shop):
    shop = open_shop()
    for way in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        done = finished_epochs(shop)
        process = shop.start(*train(shop, otto, epochs=100_000))
        try:
            wait_until(lambda done=done: finished_epochs(shop) > done)
            workers = children(process)
        finally:
            process.send_signal(way)
        printed, _ = process.communicate(timeout=60)
        killed = way == signal.SIGKILL
        assert process.returncode == (-way if killed else 128 + way)
        assert "Traceback" not in printed
        assert len(workers) >= 2
        wait_until(lambda gone=workers: not any(path.exists() for path in gone))
    done = finished_epochs(shop)
    printed = shop.run(*train(shop, otto, epochs=done + 1))
    assert f"Resumed after epoch {done}" in printed
    assert finished_epochs(shop) == done + 1
    assert (shop.data / "08_reporting/otto/summary.md").exists()
