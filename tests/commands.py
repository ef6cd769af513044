"""Commands of the project as processes that start at once.

A Python takes three seconds to import what `kedro run` needs, and the suite starts some
hundred. Here a process imports it once, and forks for each command: what this does,
prints and returns, and how signals find it, is the same.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

import tronrec

PIECE = 1 << 16
"""Bytes of a request that are read at once."""
TASKS = Path("/proc/self/task")
PATIENCE = 20
"""Seconds until threads have their names."""
MODULES = "kedro.framework.cli.cli", "kedro.framework.session", "kedro.runner"
RARE = "__main__", "spark_engine", "mlflow_runs"
"""Modules of ours that need packages which few commands use."""
HARMLESS = {"jemalloc_bg_thd", "polars-ooc-clea"}
"""Threads that polars starts when it is imported, and can do without after a fork."""


class Command:
    """What `subprocess.Popen` is, as far as the tests use it."""

    def __init__(self, module: str, *arguments: str, cwd: Path, merge: bool) -> None:
        """Start `python -m module`.

        Args:
            module: What is run.
            arguments: Its arguments.
            cwd: Where it is run.
            merge: Whether what it prints as errors comes with the rest.
        """
        self.args = module, *arguments
        self.returncode: int | None = None
        self._printed: dict[int, str] = {}
        pipes = [os.pipe() for _ in range(1 if merge else 2)]
        readers, writers = zip(*pipes, strict=True)
        request = {
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd),
            "env": dict(os.environ),
        }
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(str(_forking()[1]))
        content = [json.dumps(request).encode()]
        socket.send_fds(self._server, content, writers)
        self._server.shutdown(socket.SHUT_WR)
        for descriptor in writers:
            os.close(descriptor)
        self._answers = self._server.makefile()
        self.pid = int(self._answers.readline())
        self._threads = [
            threading.Thread(
                target=self._read, args=(number, os.fdopen(reader)), daemon=True
            )
            for number, reader in enumerate(readers)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, number: int, pipe: IO[str]) -> None:
        with pipe:
            self._printed[number] = pipe.read()

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        """Wait for its end; return what it printed, and as errors."""
        self.wait(timeout)
        for thread in self._threads:
            thread.join(timeout)
            if thread.is_alive():  # a child of its own goes on, and may print
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self._printed[0], self._printed.get(1)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit status."""
        if self.returncode is None:
            ready, _, _ = select.select([self._server], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._answers.readline())
            self._answers.close()
            self._server.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send it a signal while it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it while it runs."""
        self.send_signal(signal.SIGKILL)


Started = Command | subprocess.Popen[str]


def start(module: str, *arguments: str, cwd: Path, merge: bool) -> Started:
    """Start `python -m module`, as `Command` does, where processes can be forked."""
    if sys.platform == "linux":
        return Command(module, *arguments, cwd=cwd, merge=merge)
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        text=True,
    )


@cache
def _forking() -> tuple[subprocess.Popen[bytes], Path]:
    """Start the process that forks; return it and its socket."""
    address = Path(tempfile.mkdtemp(prefix="tronrec-commands-")) / "socket"
    process = subprocess.Popen(
        [sys.executable, __file__, address],
        stdin=subprocess.PIPE,  # closed when this process ends
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process, address


def end() -> None:
    """End the process that forks, if there is one."""
    if _forking.cache_info().currsize:
        process, address = _forking()
        with process:
            process.kill()
        shutil.rmtree(address.parent)
        _forking.cache_clear()


def serve(address: str) -> Mapping[str, Sequence[str]] | None:
    """Fork for each request; return it in the process that is to run it.

    None: there will be no more requests. Between this process and each that runs a
    command there is one which waits for its end, and tells.
    """
    # Whatever runs the tests in the background may have it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    ours = pkgutil.walk_packages(tronrec.__path__, "tronrec.")
    for name in (*MODULES, *(module.name for module in ours)):
        if not name.endswith(RARE):
            importlib.import_module(name)
    _check_threads()
    gc.collect()
    gc.freeze()  # nobody looks for garbage among what was imported
    print("ready", flush=True)  # noqa: T201
    while True:
        ready, _, _ = select.select([listener, 0], [], [], 1)
        while _reaped():
            pass
        if 0 in ready:
            return None
        if listener in ready:
            connection, _ = listener.accept()
            if not os.fork():
                listener.close()
                return _run(connection)
            connection.close()


def _check_threads() -> None:
    """Refuse to fork beside threads that may hold locks; new ones get their names."""
    end = time.monotonic() + PATIENCE
    while True:
        threads = [
            comm.read_text().strip()
            for comm in TASKS.glob("*/comm")
            if comm.parent.name != str(os.getpid())
        ]
        if HARMLESS.issuperset(threads):
            return
        assert time.monotonic() < end, threads
        time.sleep(0.1)


def _reaped() -> bool:
    """Return whether a child had ended that was waited for by now."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0] > 0
    except ChildProcessError:
        return False


def _run(connection: socket.socket) -> Mapping[str, Sequence[str]]:
    """Return the request in a new process; in this one, tell of its end and exit."""
    content, writers, _, _ = socket.recv_fds(connection, PIECE, 2)
    while piece := connection.recv(PIECE):
        content += piece
    if pid := os.fork():
        for descriptor in writers:
            os.close(descriptor)
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    connection.close()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(writers[0], 1)
    os.dup2(writers[-1], 2)
    for descriptor in writers:
        os.close(descriptor)
    request: Mapping[str, Sequence[str]] = json.loads(content)
    return request


def main() -> None:
    """Be the process that forks, and each of those that run a command."""
    if request := serve(sys.argv[1]):
        os.chdir(str(request["cwd"]))
        os.environ.clear()
        os.environ.update(dict(request["env"]))
        sys.argv = [str(request["module"]), *request["arguments"]]
        sys.path[0] = str(request["cwd"])
        runpy.run_module(str(request["module"]), run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
