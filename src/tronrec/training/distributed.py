"""Training in several processes, seen from the one that started them.

`torch.distributed` launches workers, on this machine alone or together with launchers
on others. Sessions go to the workers, and checkpoints come back, as files of a
temporary folder; at most one checkpoint waits there. The launching process trains
nothing: it saves what it is handed, and no worker outlives it.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

import torch
from torch import distributed
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.errors import UserError
from tronrec.files import temporary_folder
from tronrec.interrupts import stopped_at_end
from tronrec.params import ParallelParams, SystemParams
from tronrec.threads import Neighbours
from tronrec.training.loop import Trainer, TrainingSessions
from tronrec.training.state import save_state, train
from tronrec.training.workers import DataParallel

POLL = 0.05
"""Seconds between two looks for a file."""
PATIENCE = 10
"""Seconds that workers have to end after they were told to."""
LOST = "gloo/transport", "DistBackendError", "DistNetworkError"
"""What a worker's error says when another one is gone."""


@dataclass(frozen=True)
class Job:
    """What a worker is to do; small, since every worker gets a copy."""

    folder: Path
    system: SystemParams
    num_items: int
    origin: str | None
    device: str
    threads: int
    """Threads of each worker."""
    log_level: int
    log_format: tuple[str, str | None]
    """Of lines, and of times."""

    @property
    def fit(self) -> Path:
        """Sessions to learn from."""
        return self.folder / "fit.safetensors"

    @property
    def validation(self) -> Path:
        """Sessions to measure epochs on."""
        return self.folder / "validation.safetensors"

    @property
    def start(self) -> Path:
        """The checkpoint to go on from, if there is one."""
        return self.folder / "start.safetensors"

    @property
    def finished(self) -> Path:
        """The checkpoint of the last epoch, until it is taken."""
        return self.folder / "finished.safetensors"


def train_in_processes(
    system: SystemParams,
    data: TrainingSessions,
    device: str,
    parallel: ParallelParams,
    last: Checkpoint | None,
) -> Iterator[Checkpoint]:
    """Yield a checkpoint after every epoch, as one process would, to rounding.

    Raises:
        UserError: A worker raised one, or died.
    """
    _check_devices(choose_device(device), parallel.processes)
    with temporary_folder() as folder:
        threads = max(1, torch.get_num_threads() // parallel.processes)
        log = logging.getLogger("tronrec").getEffectiveLevel(), _log_format()
        job = Job(*(folder, system, data.num_items, data.origin, device, threads, *log))
        data.fit.save(job.fit)
        data.validation.save(job.validation)
        if last:
            last.save(job.start)
        launch = _Launch(job, parallel)
        launch.start()
        with stopped_at_end(launch.stop):
            yield from _taken(job, launch)
    if launch.error:
        raise _explain(launch.error, parallel) from launch.error


def _log_format() -> tuple[str, str | None]:
    """Return how this process formats what it logs: lines, and times in them."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    formatter = next(filter(None, formatters), logging.Formatter())
    return formatter._fmt or logging.BASIC_FORMAT, formatter.datefmt


def _check_devices(device: torch.device, processes: int) -> None:
    if device.type == "cuda" and processes > torch.cuda.device_count():
        raise UserError(
            f"parallel.processes ({processes}) exceeds the {torch.cuda.device_count()} "
            "GPUs of this machine; lower it"
        )


class _Launch(threading.Thread):
    """The launcher of the workers, which waits for their end."""

    def __init__(self, job: Job, parallel: ParallelParams) -> None:
        super().__init__(daemon=True)
        self.job, self.parallel = job, parallel
        self.error: Exception | None = None
        self._others = set(multiprocessing.active_children())

    def run(self) -> None:
        """Start the workers and wait.

        This process ends them. Ctrl-C reaches all processes of a terminal, so it is
        blocked here, which they inherit, until they ignore it.
        """
        resource_tracker.ensure_running()  # it would end the block
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        alone = self.parallel.machines == 1
        config = LaunchConfig(
            min_nodes=self.parallel.machines,
            max_nodes=self.parallel.machines,
            nproc_per_node=self.parallel.processes,
            logs_specs=DefaultLogsSpecs(str(self.job.folder / "logs")),
            run_id="tronrec",
            rdzv_backend="c10d",
            rdzv_endpoint=self.parallel.rendezvous or "localhost:0",
            local_addr="localhost" if alone else None,
            max_restarts=0,
            start_method="spawn",
        )
        for name in ("torch.distributed.elastic", "torch.multiprocessing"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # `_explain` says it
        try:
            elastic_launch(config, work)(self.job)
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        """End the workers, also those that are about to start.

        A process that ends itself would wait for them.
        """
        end = time.monotonic() + PATIENCE
        while self.is_alive() and time.monotonic() < end:
            for child in set(multiprocessing.active_children()) - self._others:
                child.terminate()
            self.join(POLL)


def _taken(job: Job, launch: threading.Thread) -> Iterator[Checkpoint]:
    """Yield each checkpoint that the workers hand over, until they end."""
    while True:
        ended = not launch.is_alive()
        if job.finished.exists():
            checkpoint = Checkpoint.load(job.finished)
            job.finished.unlink()
            yield checkpoint
        elif ended:
            return
        else:
            time.sleep(POLL)


def work(job: Job) -> None:
    """Train as one of the processes; this is what a worker runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launching process decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(job.threads)
    device = choose_device(job.device)
    first_here = int(os.environ["LOCAL_RANK"]) == 0
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    workers = DataParallel()
    if workers.rank == 0:
        line, date = job.log_format
        logging.basicConfig(format=line, datefmt=date)
        logging.getLogger("tronrec").setLevel(job.log_level)
    else:
        logging.getLogger("tronrec").setLevel(logging.CRITICAL)
    data = TrainingSessions(
        PackedSessions.load(job.fit),
        PackedSessions.load(job.validation),
        job.num_items,
        job.origin,
    )
    trainer = Trainer(job.system, data, device, workers)
    last = Checkpoint.load(job.start) if job.start.exists() else None
    with Neighbours():
        for state in train(trainer, last):
            if first_here:  # of each machine, so each has the checkpoint
                _hand_over(save_state(state), job.finished)
    distributed.destroy_process_group()


def _hand_over(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint once the one before it was taken."""
    while path.exists():
        time.sleep(POLL)
    checkpoint.save(path)


def _end_with_parent() -> None:
    """End this process when the one that launched it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _explain(error: Exception, parallel: ParallelParams) -> Exception:
    """Return what happened in a user's words, or `error` if it is a fault of ours."""
    if isinstance(error, RendezvousError):
        return UserError(
            f"parallel.rendezvous = {parallel.rendezvous}: the {parallel.machines} "
            f"machines did not meet there, or lost each other ({error}); check the "
            "address, and run the same command on each"
        )
    if not isinstance(error, ChildFailedError):
        return error
    rank, failure = error.get_first_failure()
    message = failure.message
    text = message["message"] if isinstance(message, dict) else ""
    if text.startswith("UserError: "):
        return UserError(text.removeprefix("UserError: "))
    reason = (
        failure.signal_name()
        if failure.exitcode < 0
        else f"exit status {failure.exitcode}"
    )
    if any(mark in text for mark in LOST):
        reason = "it lost another worker"
    elif text:
        return error
    return UserError(
        f"Worker {rank} of {parallel.workers} died ({reason}). The checkpoint of the "
        "last finished epoch is intact: run again to go on from it. If memory ran out, "
        "lower parallel.processes"
    )
