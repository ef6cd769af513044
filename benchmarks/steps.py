"""Times training steps: the packed one, the padded one a reader would write, and both
against the rate at which this machine multiplies matrices.

Times of a shared machine wander, so everything is measured in turns within one run, and
ratios are what counts.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from tronrec.batches import SessionBatches
from tronrec.losses import choose_loss
from tronrec.models.recommender import Recommender
from tronrec.params import SystemParams
from tronrec.precision import coarse_dtype
from tronrec.sampling import NegativeSampler
from tronrec.training.optimizers import RowAdam
from tronrec.training.step import backward

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]

from data import DIGINETICA, OTTO, Shape, draw_sessions  # noqa: E402
from reference.padded import PaddedTron  # noqa: E402

Step = Callable[[], object]


def packed_step(params: SystemParams, shape: Shape) -> Step:
    """Return a function that trains on the next batch, as `training.loop` does."""
    torch.manual_seed(0)
    device = torch.device("cpu")
    batches = SessionBatches(draw_sessions(shape), device)
    model = Recommender(params.model, shape.num_items).train()
    sampler = NegativeSampler(params.sampling, coarse_dtype(device))
    loss, generator = choose_loss(params.loss), torch.Generator()
    rows = RowAdam(model.items)
    dense = torch.optim.Adam(model.encoder.parameters(), 1e-3, fused=True)

    def endless():
        while True:
            yield from batches.epoch(
                batch_size=params.training.batch_size,
                window=params.model.window,
                generator=np.random.default_rng(),
            )

    source = endless()

    def step() -> None:
        dense.zero_grad()
        gradients = backward(model, next(source), sampler, loss, generator)
        dense.step()
        rows.step(gradients.items, 1e-3)

    return step


def padded_step(params: SystemParams, shape: Shape) -> Step:
    """Return the same for the padded reference."""
    sessions = draw_sessions(shape)
    model = PaddedTron(params, shape.num_items).train()
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    batch = torch.zeros(params.training.batch_size, params.model.window + 1).long()
    runs = list(zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True))

    def step() -> None:
        chosen = np.random.default_rng().choice(len(runs), len(batch), replace=False)
        batch.zero_()
        for row, number in zip(batch, chosen, strict=True):
            clicks = sessions.items[slice(*runs[number])][-len(row) :]
            row[: len(clicks)] = torch.from_numpy(clicks.astype(np.int64))
        adam.zero_grad()
        model.loss(batch).backward()
        adam.step()

    return step


def product_rate(dtype: torch.dtype) -> float:
    """Return the GFLOP/s of a large matrix product."""
    left, right = torch.randn(2048, 256).to(dtype), torch.randn(256, 8192).to(dtype)
    seconds = [timed(lambda: left @ right) for _ in range(12)][2:]
    return 2 * 2048 * 256 * 8192 / median(seconds) / 1e9


def timed(step: Step) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def compare(params: SystemParams, shape: Shape, repeats: int) -> None:
    """Print one row: both steps, timed in turns."""
    packed, padded = packed_step(params, shape), padded_step(params, shape)
    for _ in range(5):
        packed()
    padded()
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(timed(padded))
        ours += [timed(packed) for _ in range(8)]
    steps = shape.sessions_per_epoch / params.training.batch_size
    print(  # noqa: T201
        f"| {shape.name} | {1e3 * median(theirs):.0f} | {1e3 * median(ours):.1f} | "
        f"{1e3 * min(ours):.1f} | {median(theirs) / median(ours):.1f} | "
        f"{3600 / steps / median(ours):.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    rates = {d: product_rate(d) for d in (torch.float32, torch.bfloat16)}
    print("; ".join(f"{d}: {rate:.0f} GFLOP/s" for d, rate in rates.items()))  # noqa: T201
    print("| size | padded ms | packed ms | best ms | ratio | epochs/h |")  # noqa: T201
    print("| :-- | --: | --: | --: | --: | --: |")  # noqa: T201
    compare(SystemParams(), DIGINETICA, repeats=6)
    compare(SystemParams(), OTTO, repeats=3)
