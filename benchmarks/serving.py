"""Load for the service, from one process beside it: bounded in count and time.

Each connection asks, waits for the answer, and asks again, as fast as it may; a pace
makes requests due at fixed times, and one that starts late counts from when it was due.
As fast as it may, wrk asks if it is installed: it takes less time for it.
"""

import asyncio
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from reference.data import make_card
from tronrec.model_file import ModelFile
from tronrec.models.recommender import Recommender
from tronrec.params import SystemParams
from tronrec.retrieval.ranking_terms import RankingTerms

LONGEST = 12
WRK = """
local bodies, number = {%s}, 0
request = function()
    number = number %% #bodies + 1
    return wrk.format("POST", "/recommend", nil, bodies[number])
end
"""


def write_model(path: Path, params: SystemParams, num_items: int) -> None:
    """Write a model of random weights, which takes the time of a trained one."""
    model = Recommender(params.model, num_items).eval()
    ids = pl.Series("item_id", np.arange(num_items))
    counts = np.ones(num_items, np.int64)
    card = make_card(epoch=1).model_copy(update={"parameters": params})
    terms = RankingTerms(params.ranking, None)
    ModelFile(model, terms, ids, counts, card).checkpoint().save(path)


@dataclass(frozen=True)
class Served:
    """A service in a process of its own."""

    process: "subprocess.Popen[bytes]"
    port: int
    ready: float
    """Seconds from its start until it took requests on."""

    def memory(self) -> int:
        """Return the bytes that are its own: without pages of files, such as code."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0])


@contextmanager
def served(params: SystemParams, num_items: int, *options: str) -> Iterator[Served]:
    """Serve a random model in a process of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write_model(path, params, num_items)
        with serving(path, *options) as service:
            yield service


@contextmanager
def serving(path: Path, *options: str) -> Iterator[Served]:
    """Serve a model in a process of its own."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "tronrec", "serve", f"--model={path}"]
        started = time.perf_counter()
        with log.open("wb") as out:
            process = subprocess.Popen([*command, "--port=0", *options], stdout=out)
        try:
            port = _find_port(log, process)
            yield Served(process, port, time.perf_counter() - started)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _find_port(log: Path, process: "subprocess.Popen[bytes]") -> int:
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if "running on" in line:
                message = json.loads(line)["message"]
                return int(message.split(" (")[0].rsplit(":", 1)[1])
        time.sleep(0.05)
    raise RuntimeError(f"The service has not started: {log.read_text()}")


class Load:
    """Requests with random sessions, and how long each took."""

    def __init__(self, port: int, num_items: int, connections: int) -> None:
        self.port, self.connections = port, connections
        rng = random.Random(0)
        sessions = (
            [rng.randrange(num_items) for _ in range(rng.randint(1, LONGEST))]
            for _ in range(1000)
        )
        self.bodies = [json.dumps({"session": session}) for session in sessions]
        head = b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        self.requests = [
            head + b"%d\r\n\r\n%b" % (len(body), body.encode()) for body in self.bodies
        ]

    def capacity(self, seconds: int) -> float:
        """Return how many answers a second there are, at most."""
        if shutil.which("wrk") is None:
            return len(self.run(seconds)) / seconds
        told = self.ask_with_wrk(f"-c{self.connections}", f"-d{seconds}s")
        if "Non-2xx" in told or "Socket errors" in told:
            raise RuntimeError(told)
        return float(re.findall(r"Requests/sec: +([0-9.]+)", told)[0])

    def ask_with_wrk(self, *options: str, counting: str = "") -> str:
        """Return what wrk tells of asking as fast as it may.

        Args:
            options: Of wrk.
            counting: What its script does beside asking.
        """
        with TemporaryDirectory() as folder:
            script = Path(folder) / "sessions.lua"
            bodies = ", ".join(f"'{body}'" for body in self.bodies)
            script.write_text(WRK % bodies + counting)
            url = f"http://127.0.0.1:{self.port}"
            return subprocess.run(
                ["wrk", "-t1", *options, "-s", str(script), url],
                capture_output=True,
                text=True,
                check=True,
            ).stdout

    def run(self, seconds: float, rate: float | None = None) -> list[float]:
        """Return the seconds of each answer.

        Args:
            seconds: How long to ask.
            rate: Requests a second; None: as many as there are answers.
        """
        return asyncio.run(self._run(seconds, rate))

    async def _run(self, seconds: float, rate: float | None) -> list[float]:
        begin = time.perf_counter() + 0.1
        turns = range(self.connections)
        asking = (self._ask_on(turn, begin, begin + seconds, rate) for turn in turns)
        return [took for part in await asyncio.gather(*asking) for took in part]

    async def _ask_on(
        self, turn: int, begin: float, end: float, rate: float | None
    ) -> list[float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        took = []
        for number in range(turn, 10**9, self.connections):
            due = begin + number / rate if rate else time.perf_counter()
            if max(due, time.perf_counter()) >= end:
                break
            await asyncio.sleep(due - time.perf_counter() if rate else 0)
            writer.write(self.requests[number % len(self.requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            took.append(time.perf_counter() - due)
        writer.close()
        return took
