"""Ask the service for more than it can, kill it, and change its model: is all well?

    python benchmarks/stress.py --seconds 60

1. Five times as many requests wait as the queue holds, from wrk, so that most are
   refused. A client beside them notes how long what was taken on took.
2. The model is changed again and again, and the process killed and started anew, while
   clients ask: every answer must be the list of one of the two models.
"""

import argparse
import http.client
import json
import shutil
import signal
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from serving import Load, served, serving, write_model
from tronrec.params import SystemParams
from tronrec.recommend import TrainedModel

ITEMS, PORT, CLIENTS, WAITING, TIMES = 43_097, 8765, 4, 256, 5
COUNTING = """
local threads = {}
setup = function(thread) table.insert(threads, thread) end
init = function() accepted, refused, other = 0, 0, 0 end
response = function(status)
    if status == 200 then accepted = accepted + 1
    elseif status == 503 then refused = refused + 1
    else other = other + 1 end
end
done = function(summary, latency)
    local function get(name) return threads[1]:get(name) end
    local told = "%d accepted, %d refused, %d other; p99 of all %.0f ms\\n"
    local p99 = latency:percentile(99) / 1000
    io.write(told:format(get("accepted"), get("refused"), get("other"), p99))
end
"""


class Client(threading.Thread):
    """Asks on and on, one request after the other, and notes what came of it."""

    def __init__(self, port: int, expected: dict[str, set[tuple[int, ...]]]) -> None:
        """Start asking; `expected` has the lists that each body may get, or nothing."""
        super().__init__(daemon=True)
        self.port, self.expected = port, expected
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.stopped = threading.Event()
        self.start()

    def run(self) -> None:
        """Ask until it is stopped; without a connection, try another one."""
        while not self.stopped.is_set():
            try:
                self._ask_on(HTTPConnection("127.0.0.1", self.port, timeout=10))
            except TimeoutError:
                self.counts["hung"] += 1
            except (OSError, HTTPException):
                self.counts["no connection"] += 1
                time.sleep(0.05)

    def _ask_on(self, connection: HTTPConnection) -> None:
        for body in cycle(self.expected):
            if self.stopped.is_set():
                return
            began = time.perf_counter()
            connection.request("POST", "/recommend", body)
            response = connection.getresponse()
            content = response.read()
            if response.status == http.client.OK:
                self.seconds.append(time.perf_counter() - began)
                given = json.loads(content)["recommendations"]
                items, known = tuple(one["item"] for one in given), self.expected[body]
                self.counts["right" if not known or items in known else "wrong"] += 1
            else:
                self.counts[str(response.status)] += 1


def stop(clients: list[Client]) -> Counter[str]:
    """Return what came of all requests."""
    for client in clients:
        client.stopped.set()
    for client in clients:
        client.join()
    return sum((client.counts for client in clients), Counter())


def overload(seconds: int) -> None:
    """Have many more wait than the queue holds."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed")
    with served(SystemParams(), ITEMS) as service:
        load = Load(service.port, ITEMS, connections=64)
        print(f"{load.capacity(10):,.0f} answers a second at most")  # noqa: T201
        before = service.memory() / 1e9
        client = Client(service.port, {body: set() for body in load.bodies})
        options = f"-c{TIMES * WAITING}", f"-d{seconds}s", "--timeout=10s"
        printed = load.ask_with_wrk(*options, counting=COUNTING).splitlines()
        counts = stop([client])
        told = [line for line in printed if "accepted" in line or "Socket" in line]
        after = service.memory() / 1e9
        p50, p99 = (1e3 * np.percentile(client.seconds, p) for p in (50, 99))
        print(  # noqa: T201
            *told,
            f"A client beside them: {dict(counts)}; of what was answered p50 "
            f"{p50:.0f} ms, p99 {p99:.0f} ms, longest {1e3 * max(client.seconds):.0f}",
            f"Memory: {before:.2f} GB before, {after:.2f} GB after",
            sep="\n",
        )


def change_and_kill(seconds: int) -> None:
    """Change the model, and kill the process, while clients ask."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("first", "second")]
        lists = []
        sessions = np.random.default_rng(0).integers(ITEMS, size=(50, 5)).tolist()
        for seed, path in enumerate(paths):
            torch.manual_seed(seed)
            write_model(path, SystemParams(), ITEMS)
            best = TrainedModel.load(path).recommend(sessions)["item"].to_numpy()
            lists.append(best.reshape(len(sessions), -1))
        bodies = [json.dumps({"session": session}) for session in sessions]
        expected = {
            body: {tuple(part[row].tolist()) for part in lists}
            for row, body in enumerate(bodies)
        }
        used = Path(folder) / "model.safetensors"
        options = (f"--port={PORT}", "--watch-seconds=0.5")
        clients: list[Client] = []
        ends, kills, changes = time.monotonic() + seconds, 0, 0
        while time.monotonic() < ends:
            shutil.copy(paths[0], used)
            with serving(used, *options) as service:
                clients = clients or [Client(PORT, expected) for _ in range(CLIENTS)]
                for number in range(1, 5):
                    time.sleep(1.5)
                    new = used.with_suffix(".new")
                    shutil.copy(paths[number % 2], new)
                    new.replace(used)
                    changes += 1
                service.process.send_signal(signal.SIGKILL)
                kills += 1
        counts = stop(clients)
    print(f"{changes} changes of the model, {kills} kills: {dict(counts)}")  # noqa: T201


def main() -> None:
    """Do both, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    overload(options.seconds)
    change_and_kill(options.seconds)


if __name__ == "__main__":
    main()
