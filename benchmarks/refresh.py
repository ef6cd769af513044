"""A model refreshed day by day, one trained anew every day, and one left alone.

Clicks are simulated, with a popularity that drifts, or those of a clicks table that
`prepare_*` wrote. On each of the last days the three rank the same events; none has
learned from that day.
"""

import argparse
import time
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.encoding import index_items
from tronrec.data.packed import PackedSessions
from tronrec.data.simulate import simulate_clicks
from tronrec.evaluation.by_id import rank_by_id
from tronrec.evaluation.metrics import mean_reciprocal_rank, recall
from tronrec.model_file import ModelFile
from tronrec.params import (
    FilteringParams,
    ParallelParams,
    RefreshParams,
    SimulationParams,
    SplittingParams,
    SystemParams,
)
from tronrec.pipelines.refreshing.nodes import keep_window
from tronrec.pipelines.splitting.nodes import hold_out_validation
from tronrec.refresh import (
    NOTHING,
    Window,
    refreshed_system,
    replace_if_better,
    train_on,
)
from tronrec.schemas import ITEM, SESSION, TIME
from tronrec.training.export import export_model
from tronrec.training.launch import train_system
from tronrec.training.loop import TrainingSessions

ONE: dict[str, Any] = {"device": "cpu", "parallel": ParallelParams()}


def window_of(
    clicks: pl.LazyFrame, day: datetime, window_days: int, filtering: FilteringParams
) -> Window:
    """Return so many days, of which `day` is the last one and held out."""
    splitting = SplittingParams(until=(day + timedelta(days=1)).isoformat())
    params = RefreshParams(window_days=window_days)
    kept, _ = keep_window(clicks, filtering, splitting, params)
    parts = hold_out_validation(kept, filtering, splitting)[:2]
    items = index_items(kept)
    fit, held_out = (PackedSessions.from_clicks(part, items) for part in parts)
    return Window(fit, held_out, items)


def train_anew(window: Window, system: SystemParams) -> Checkpoint:
    """Return a model of all days of a window but the one that is held out."""
    sessions = TrainingSessions(window.fit, NOTHING, window.items.height)
    *_, last = train_system(system, sessions, **ONE)
    return export_model(
        *("anew", last, window.items, window.fit.items), ranking=system.ranking
    )


def measure(model: Checkpoint, window: Window) -> dict[str, float]:
    """Return the metrics of a model on what is held out."""
    ranks = rank_by_id(ModelFile.read(model), window.held_out, window.items[ITEM])
    return {"recall@20": recall(ranks, 20), "mrr@20": mean_reciprocal_rank(ranks, 20)}


def read_clicks(options: argparse.Namespace) -> pl.LazyFrame:
    """Return the clicks of a table, or simulated ones."""
    if options.clicks:
        return pl.scan_parquet(options.clicks)
    simulation = SimulationParams(
        sessions=options.sessions, items=options.items, drift=options.drift
    )
    return pl.concat(simulate_clicks(simulation)).lazy()


def newest_day(clicks: pl.LazyFrame) -> datetime:
    """Return the last day on which a session begins."""
    begin = pl.col(TIME).min().over(SESSION).max()
    day: datetime = clicks.select(begin.dt.truncate("1d")).collect().item()
    return day


def compare(options: argparse.Namespace) -> None:
    """Print a line for each day and model."""
    clicks = read_clicks(options)
    items = clicks.select(pl.col(ITEM).n_unique()).collect().item()
    system = SystemParams.model_validate(
        {
            "model": {"hidden_size": options.size, "feed_forward": options.size},
            "sampling": {"uniform": items // 4},
            "ranking": {"trend": options.trend},
            "training": {"epochs": options.epochs, "warmup_steps": 50},
        }
    )
    params = RefreshParams(
        epochs=options.refresh_epochs, warmup_steps=options.warmup_steps, tolerance=1
    )
    filtering = FilteringParams(min_item_support=options.min_item_support)
    whole = options.history_days, filtering
    first = newest_day(clicks) - timedelta(days=options.days - 1)
    alone = used = train_anew(
        window_of(clicks, first - timedelta(days=1), *whole), system
    )
    for number in range(options.days):
        day = first + timedelta(days=number)
        recent = window_of(clicks, day, options.window_days, filtering)
        started = time.process_time()
        trained = refreshed_system(system, params, used.card)
        *_, last = train_on(recent, used, trained, last={}, **ONE)
        spent = time.process_time() - started
        used, record = replace_if_better(
            *(used, last, recent, params.tolerance),
            **{"name": "refreshed", "device": "cpu", "batch_size": 1024},
        )
        started = time.process_time()
        anew = train_anew(window_of(clicks, day, *whole), system)
        report(day, "refreshed", record["metrics"]["new"], spent)
        report(day, "anew", measure(anew, recent), time.process_time() - started)
        report(day, "alone", measure(alone, recent), 0)


def report(day: datetime, name: str, metrics: dict[str, float], spent: float) -> None:
    """Print what a model has on a day, and the processor seconds of its training."""
    values = f"{metrics['recall@20']:.4f} {metrics['mrr@20']:.4f}"
    print(f"{day:%Y-%m-%d} {name:9} {values} {spent:5.1f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", help="a table of clicks; none: simulated ones")
    parser.add_argument("--history-days", type=int, default=28)
    parser.add_argument("--min-item-support", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--drift", type=float, default=0.3)
    parser.add_argument("--trend", type=float, default=0)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--refresh-epochs", type=int, default=1)
    parser.add_argument("--warmup-steps", type=int, default=0)
    parser.add_argument("--window-days", type=int, default=7)
    compare(parser.parse_args())
