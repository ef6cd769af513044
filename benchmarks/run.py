"""`make bench`: how fast training and evaluation are on this machine, as Markdown.

Quote the ratios. Milliseconds belong to a machine and an hour.
"""

from functools import partial

import torch
from steps import PackedTraining, compare
from timing import product_rate, timed

from data import DIGINETICA, OTTO, Shape, draw_sessions
from tronrec.evaluation.ranking import rank_targets
from tronrec.models.recommender import Recommender
from tronrec.params import SystemParams

TRON_XL = SystemParams()
CATALOGUES = (10_000, DIGINETICA.num_items, 200_000, 1_000_000, 1_855_603, 3_000_000)


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)  # noqa: T201


def head(title: str, *columns: str) -> None:
    """Print a title and the head of a table."""
    print(f"\n{title}\n")  # noqa: T201
    row(*columns)
    row(":--", *["--:"] * (len(columns) - 1))


def measure_steps() -> None:
    """Compare the packed with the padded step."""
    columns = ("TRON XL", "padded, ms", "packed, ms", "ratio", "epochs/hour, packed")
    head("A training step of 128 sessions", *columns)
    for shape, rounds in ((DIGINETICA, 8), (OTTO, 4)):
        found = compare(TRON_XL, shape, rounds)
        steps = shape.sessions_per_epoch / TRON_XL.training.batch_size
        row(
            shape.name,
            f"{1e3 * found['padded']:.0f}",
            f"{1e3 * found['packed']:.1f}",
            f"{found['padded'] / found['packed']:.1f}",
            f"{3600 / steps / found['packed']:.2f}",
        )


def measure_stages() -> None:
    """Tell where the time of a step goes."""
    head("Where a step on Diginetica's sizes spends its time", "stage", "ms", "share")
    found = PackedTraining(TRON_XL, DIGINETICA).stages()
    for label, seconds in found.items():
        share = seconds / sum(found.values())
        row(label, f"{1e3 * seconds:.1f}", f"{share:.0%}")


def measure_catalogues() -> None:
    """Show that the time of a step does not follow the size of the catalogue."""
    columns = ("items", "ms", "of that at 43,097", "table, GB")
    head("The same batches, catalogues of all sizes", *columns)
    times: dict[int, float] = {}
    for items in CATALOGUES:
        shape = Shape("", items, DIGINETICA.mean_clicks, 0)
        training = PackedTraining(TRON_XL, shape)
        for _ in range(5):
            training.step()
        seconds = sorted(timed(training.step) for _ in range(40))
        times[items] = seconds[20]
        at_diginetica = times.get(DIGINETICA.num_items)
        ratio = times[items] / at_diginetica if at_diginetica else None
        table = training.model.items.nbytes / 1e9
        row(
            f"{items:,}",
            f"{1e3 * times[items]:.1f}",
            f"{ratio:.2f}" if ratio else "",
            f"{table:.2f}",
        )
        del training


def measure_evaluation(rate: float) -> None:
    """Compare exact ranking with the bare product that it needs at least."""
    columns = ("size", "events/s", "share of the product rate")
    head("Exact ranks of all events in the whole catalogue", *columns)
    for shape, sessions in ((DIGINETICA, 8192), (OTTO, 256)):
        model = Recommender(TRON_XL.model, shape.num_items)
        packed = draw_sessions(shape, sessions)
        events = len(packed.items) - len(packed)
        rank_targets(model, draw_sessions(shape, 64))
        rank = partial(rank_targets, model, packed)
        seconds = min(timed(rank) for _ in range(3))
        product = 2 * events * shape.num_items * TRON_XL.model.hidden_size / 1e9
        row(shape.name, f"{events / seconds:,.0f}", f"{product / seconds / rate:.0%}")


if __name__ == "__main__":
    rates = {dtype: product_rate(dtype) for dtype in (torch.float32, torch.bfloat16)}
    head("Matrix products of this machine", "precision", "GFLOP/s")
    for dtype, gigaflops in rates.items():
        row(str(dtype).removeprefix("torch."), f"{gigaflops:.0f}")
    measure_steps()
    measure_stages()
    measure_catalogues()
    measure_evaluation(max(rates.values()))
