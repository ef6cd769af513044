"""Ask the service about test sessions: are its lists those that were evaluated?

    python benchmarks/served.py data/06_models/otto/model.safetensors \
        data/05_model_input/otto/test_sessions.safetensors

Every prefix of a session is a request, or so many drawn at random (`--prefixes`). What
was clicked next must stand in the list where the evaluation ranks it. Of all prefixes,
Recall@20 and MRR@20 are those of `metrics.json`, to the last digit.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from threading import local

import numpy as np

from serving import serving
from tronrec.checkpoint import Checkpoint
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.evaluation.metrics import mean_reciprocal_rank, recall
from tronrec.evaluation.ranking import rank_targets
from tronrec.model_file import ModelFile

DEPTH, CONNECTIONS, AT_ONCE = 20, 32, 10_000


class Client:
    """Connections to the service, one a thread."""

    def __init__(self, port: int) -> None:
        self._port, self._of_thread = port, local()

    def rank(self, request: tuple[list[object], object]) -> int:
        """Return where the next click stands in the list; past it, one more."""
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = HTTPConnection("127.0.0.1", self._port)
        connection = self._of_thread.connection
        session, target = request
        body = json.dumps({"session": session, "k": DEPTH})
        connection.request("POST", "/recommend", body)
        answer = json.loads(connection.getresponse().read())
        items = [one["item"] for one in answer["recommendations"]]
        return [*items, target].index(target) + 1


def prefixes(sessions: PackedSessions) -> list[tuple[int, int]]:
    """Return begin and end of all prefixes that are followed by a click."""
    pairs = zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True)
    return [(begin, end) for begin, last in pairs for end in range(begin + 1, last)]


def main() -> None:
    """Ask, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("sessions", type=Path)
    parser.add_argument("--prefixes", type=int, help="so many, drawn at random")
    options = parser.parse_args()
    file = ModelFile.read(Checkpoint.load(options.model))
    sessions = PackedSessions.load(options.sessions)
    model = file.model.to(choose_device("auto"))
    ranks = rank_targets(model, file.terms, sessions, depth=DEPTH).ranks
    ranks = np.minimum(ranks, DEPTH + 1)
    ids = file.item_ids.to_list()
    clicks = [ids[number - 1] for number in sessions.items]
    chosen = np.arange(len(ranks))
    if options.prefixes:
        chosen = np.random.default_rng().choice(len(ranks), options.prefixes, False)
    every = prefixes(sessions)
    requests = ((clicks[b:e], clicks[e]) for b, e in map(every.__getitem__, chosen))
    served: list[int] = []
    started = time.perf_counter()
    with serving(options.model) as service, ThreadPoolExecutor(CONNECTIONS) as pool:
        client = Client(service.port)
        while some := [*islice(requests, AT_ONCE)]:
            served += pool.map(client.rank, some)
    seconds = time.perf_counter() - started
    answers, expected = np.array(served), ranks[chosen]
    for name, found in (("served", answers), ("evaluated", expected)):
        print(  # noqa: T201
            f"{name}: Recall@20 {recall(found, DEPTH)!r}, "
            f"MRR@20 {mean_reciprocal_rank(found, DEPTH)!r}"
        )
    differ = int((answers != expected).sum())
    print(f"{len(served):,} prefixes in {seconds:.0f} s, {differ:,} differ")  # noqa: T201
    raise SystemExit(differ > 0)


if __name__ == "__main__":
    main()
