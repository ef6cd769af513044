"""`make bench`: how fast training and evaluation are on this machine, as Markdown.

Quote the ratios. Milliseconds belong to a machine and an hour. It takes long without a
GPU; `--only steps evaluation` measures less.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
import yaml
from neighbours import compare
from steps import PackedTraining, PaddedTraining
from timing import in_turns, product_rate, timed, usual

from data import DIGINETICA, OTTO, Case, draw_sessions
from serving import Load, served
from tronrec.device import choose_device, coarse_dtype, search_dtype
from tronrec.evaluation.ranking import rank_targets
from tronrec.models.recommender import Recommender
from tronrec.params import RankingParams, SystemParams
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.systems import System
from tronrec.training.memory import peak_bytes, reset_peak

ROOT = Path(__file__).parents[1]
SYSTEMS = ROOT / "conf/base/parameters_systems.yml"
PLOT = ROOT / "build/step_time.html"
TRON_XL = SystemParams()
CATALOGUES = (10_000, DIGINETICA.num_items, 200_000, 1_000_000, 1_855_603, 3_000_000)
PLAIN = RankingTerms(RankingParams(), None)


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)  # noqa: T201


def head(title: str, *columns: str) -> None:
    """Print a title and the head of a table."""
    print(f"\n{title}\n")  # noqa: T201
    row(*columns)
    row(":--", *["--:"] * (len(columns) - 1))


class Bench:
    """The measurements, each a table."""

    def __init__(self, device: torch.device, sessions: Path | None) -> None:
        self.device = device
        self.bfloat16 = coarse_dtype(device) == torch.bfloat16
        """Whether it is worth measuring: emulated, it takes a hundred times as long."""
        self.cases = [Case.simulated(DIGINETICA), Case.simulated(OTTO)]
        if sessions is not None:
            self.cases.append(Case.prepared(sessions))

    def rates(self) -> dict[torch.dtype, float]:
        """Return the GFLOP/s of a product in each precision."""
        native = coarse_dtype(self.device), search_dtype(self.device)
        kinds = dict.fromkeys([torch.float32, *native])
        return {dtype: product_rate(dtype, self.device) for dtype in kinds}

    def products(self) -> None:
        """Tell what the machine can do."""
        head("Matrix products of this machine", "precision", "GFLOP/s")
        for dtype, rate in self.rates().items():
            row(str(dtype).removeprefix("torch."), f"{rate:.0f}")

    def steps(self) -> None:
        """Compare the packed with the padded step."""
        low = {"training": {"precision": "bfloat16"}}
        columns = ("padded, ms", "packed, ms", "ratio", "epochs/hour", "in bfloat16")
        head("A TRON XL step of 128 sessions", "sessions", *columns)
        for case in self.cases:
            padded = PaddedTraining(TRON_XL, case, self.device)
            packed = PackedTraining(TRON_XL, case, self.device)
            steps = {"packed": packed.several, "padded": padded.step}
            if self.bfloat16:
                reduced = SystemParams.model_validate(low)
                rounded = PackedTraining(reduced, case, self.device)
                steps["rounded"] = rounded.several
            found = in_turns(steps, rounds=8, warm_up=3)
            hours = case.steps(TRON_XL.training.batch_size) / 3600
            ours, theirs = found["packed"] / 8, found["padded"]
            row(
                case.name,
                f"{1e3 * theirs:.0f}",
                f"{1e3 * ours:.1f}",
                f"{theirs / ours:.1f}",
                f"{1 / hours / ours:.3g}",
                f"{1 / hours / found['rounded'] * 8:.3g}" if self.bfloat16 else "",
            )

    def systems(self) -> None:
        """Time a step of every system."""
        entries = yaml.safe_load(SYSTEMS.read_text())["systems"]
        columns = ("ms", "epochs/hour", "in bfloat16")
        for case in self.cases:
            head(f"A step of each system, {case.name}", "system", *columns)
            for name, entry in entries.items():
                block = System.read(name, entry).everywhere
                training = block.get("training", {}) | {"precision": "bfloat16"}
                step, hour = self._epochs(block, case)
                rounded = ""
                if self.bfloat16:
                    _, speed = self._epochs(block | {"training": training}, case)
                    rounded = f"{speed:.3g}"
                row(name, f"{1e3 * step:.1f}", f"{hour:.3g}", rounded)

    def _epochs(self, block: dict[str, Any], case: Case) -> tuple[float, float]:
        """Return the seconds of a system's step, and its epochs in an hour."""
        share = len(case.sessions) / case.sessions_per_epoch
        clicks = int(len(case.sessions.items) / share)
        params = SystemParams.model_validate(block).sized_for(clicks)
        training = PackedTraining(params, case, self.device)
        usual(training.step, most=8, least=2)  # a warm-up
        seconds = usual(training.step)
        steps = training.trainer.batches.steps(params.training.batch_size)
        return seconds, 3600 * share / (seconds * steps)

    def stages(self) -> None:
        """Tell where the time of a step goes."""
        head("Where a step spends its time", "stage", "ms", "share")
        training = PackedTraining(TRON_XL, self.cases[0], self.device)
        training.several(64)
        found = training.stages()
        for label, seconds in found.items():
            share = seconds / sum(found.values())
            row(label, f"{1e3 * seconds:.1f}", f"{share:.0%}")

    def catalogues(self) -> None:
        """Show that the time of a step does not follow the size of the catalogue."""
        columns = ("ms", "of that at 43,097", "item table, GB", "peak, GB")
        head("The same batches, catalogues of all sizes", "items", *columns)
        times: dict[int, float] = {}
        for items in CATALOGUES:
            shape = replace(DIGINETICA, num_items=items)
            reset_peak(self.device)
            training = PackedTraining(TRON_XL, Case.simulated(shape), self.device)
            training.several(10)
            times[items] = sorted(timed(training.step) for _ in range(60))[30]
            at_diginetica = times.get(DIGINETICA.num_items)
            peak = peak_bytes(self.device)
            row(
                f"{items:,}",
                f"{1e3 * times[items]:.1f}",
                f"{times[items] / at_diginetica:.2f}" if at_diginetica else "",
                f"{training.trainer.model.item_embeddings.nbytes / 1e9:.2f}",
                f"{peak / 1e9:.2f}" if peak else "",
            )
            del training
        plot(times)

    def serving(self) -> None:
        """Ask the service over HTTP: how many answers, and how long one takes."""
        head(
            "The service, and who asks it, on this machine",
            *("items", "ready, s", "answers/s", "at half load: p50, ms", "p90, ms"),
            *("p99, ms", "one at a time: p90, ms", "GB", "of the table"),
        )
        for items in (DIGINETICA.num_items, OTTO.num_items):
            with served(TRON_XL, items) as service:
                load = Load(service.port, items, connections=64)
                load.run(3)  # a warm-up
                answers = load.capacity(15)
                paced = load.run(15, answers / 2)
                alone = Load(service.port, items, connections=1).run(10)
                times = (f"{1e3 * np.percentile(paced, p):.1f}" for p in (50, 90, 99))
                table = 4 * items * TRON_XL.model.hidden_size
                row(
                    f"{items:,}",
                    f"{service.ready:.1f}",
                    f"{answers:,.0f}",
                    *times,
                    f"{1e3 * np.percentile(alone, 90):.1f}",
                    f"{service.memory() / 1e9:.2f}",
                    f"{service.memory() / table:.2f}",
                )

    def evaluation(self) -> None:
        """Compare exact ranking with the bare product that it needs at least."""
        columns = ("events/s", "share of the product rate")
        head("Exact ranks of all events in the whole catalogue", "size", *columns)
        for shape, sessions in ((DIGINETICA, 8192), (OTTO, 256)):
            model = Recommender(TRON_XL.model, shape.num_items).to(self.device)
            packed = draw_sessions(shape, sessions)
            events = packed.num_targets
            rank_targets(model, PLAIN, draw_sessions(shape, 64))
            rank = partial(rank_targets, model, PLAIN, packed)
            found = []
            for _ in range(3):  # rates in turn with ranks: the machine's speed wanders
                rate = max(self.rates().values())
                seconds = timed(rank)
                product = 2 * events * shape.num_items * TRON_XL.model.hidden_size
                found.append((product / seconds / rate / 1e9, events / seconds))
            share, speed = sorted(found)[1]
            row(shape.name, f"{speed:,.0f}", f"{share:.0%}")

    def neighbours(self) -> None:
        """Train beside other work, and under a quota, with ways to wait for threads."""
        found = compare()
        situations = list(next(iter(found.values())))
        head(
            "A TRON XL step on a shared machine, and times of that alone",
            *("threads", *(f"{situation}, ms" for situation in situations)),
        )
        for way, times in found.items():
            alone = times["alone"]
            row(way, *(f"{ms:.0f} ({ms / alone:.1f})" for ms in times.values()))


def plot(times: dict[int, float]) -> None:
    """Write the time of a step against the size of the catalogue."""
    figure = go.Figure()
    milliseconds = [1e3 * seconds for seconds in times.values()]
    figure.add_scatter(x=list(times), y=milliseconds, mode="lines+markers")
    figure.update_layout(
        title="A TRON XL step of 128 sessions, catalogues of all sizes",
        template="simple_white",
        xaxis={"title": "Items of the catalogue", "type": "log"},
        yaxis={"title": "Milliseconds", "rangemode": "tozero", "showgrid": True},
    )
    PLOT.parent.mkdir(exist_ok=True)
    figure.write_html(PLOT)
    print(f"\nPlot: {PLOT.relative_to(ROOT)}")  # noqa: T201


def main() -> None:
    """Run all measurements, or those asked for."""
    tables = (
        *("products", "steps", "systems", "stages", "catalogues", "evaluation"),
        *("serving", "neighbours"),
    )
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=tables, default=tables, help="tables to measure"
    )
    parser.add_argument(
        "--sessions", type=Path, help="prepared sessions, such as fit_sessions"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args()
    bench = Bench(choose_device(options.device), options.sessions)
    for table in options.only:
        measure: Callable[[], None] = getattr(bench, table)
        measure()


if __name__ == "__main__":
    main()
