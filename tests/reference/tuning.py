"""A search in which training is a formula; as a program, one worker on a study."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tronrec.data.packed import PackedSessions
from tronrec.params import SystemParams, TuningParams
from tronrec.tuning import search
from tronrec.tuning.search import Epoch, Search
from tronrec.tuning.storage import OpenedStudy, StudyStorage
from tronrec.tuning.study import open_study

SESSIONS = PackedSessions(np.array([1, 2], np.int32), np.array([0, 2]))

SPACE = {
    "training": {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}},
    "sampling": {"top_k": {"low": 5, "high": 100, "log": True, "or_null": True}},
    "loss": {
        "name": {"choices": ["bce", "bpr_max"]},
        "penalty": {"low": 0.1, "high": 0.5, "when": {"loss.name": ["bpr_max"]}},
    },
}


def make_params(**changes: Any) -> TuningParams:
    values = {"space": SPACE, "trials": 6, "storage": "journal"} | changes
    return TuningParams.model_validate(values)


def open_in(
    folder: Path, base: SystemParams | None = None, **changes: Any
) -> OpenedStudy:
    params = make_params(**changes)
    storage = StudyStorage(folder, "otto")
    return open_study(storage, params, base or SystemParams(), SESSIONS, SESSIONS)


def train(system: SystemParams) -> Iterator[Epoch]:
    """Be the better, the nearer the learning rate is to 0.01; three epochs."""
    best = -float(abs(np.log10(system.training.learning_rate) + 2))
    for number in (1, 2, 3):
        yield Epoch(number, best - 1 / number, best, 2.0 * number, last=number == 3)


def main() -> None:
    folder, trials, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])

    def train_slowly(system: SystemParams) -> Iterator[Epoch]:
        for epoch in train(system):
            sys.stdout.write(f"{epoch.number}\n")
            sys.stdout.flush()
            time.sleep(pause)
            yield epoch

    search.POLL_SECONDS = 0.05
    Search(open_in(folder, trials=trials, pruner="none"), train_slowly).run()


if __name__ == "__main__":
    main()
