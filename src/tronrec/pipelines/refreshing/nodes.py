"""The nodes of a refresh; torch is imported when one of them runs."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.engine import DropCounts, Table, engine_of
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.params import (
    EvaluationParams,
    FilteringParams,
    LossParams,
    ModelParams,
    ParallelParams,
    RankingParams,
    RefreshParams,
    SamplingParams,
    SplittingParams,
    SystemParams,
    TrainingParams,
    parse_moment,
)
from tronrec.schemas import DAY

Loaders = dict[str, Callable[[], Checkpoint]]


def keep_window(
    clicks: Table,
    filtering: FilteringParams,
    splitting: SplittingParams,
    params: RefreshParams,
) -> tuple[Table, DropCounts]:
    """Return the kept clicks of sessions that begin in the newest days.

    Raises:
        UserError: Nothing is to be held out, so that nothing could be judged.
    """
    if splitting.validation_days == 0:
        raise UserError(
            "splitting.validation_days (0): a refresh is judged on the newest sessions "
            "of the log; set it above 0"
        )
    engine = engine_of(clicks)
    within, outside = engine.keep_begun(clicks, splitting.since, splitting.until)
    newest: date = engine.clicks_by_day(within)[DAY][-1]
    if splitting.until is not None:  # sessions that begin before it may end later
        last = parse_moment(splitting.until) - timedelta(microseconds=1)
        newest = min(newest, last.date())
    since = newest - timedelta(days=params.window_days - 1)
    window, older = engine.keep_begun(within, since.isoformat(), None)
    kept, dropped = engine.filter_clicks(window, filtering)
    return kept, outside | {"before the window": sum(older.values())} | dropped


def train_on_window(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    model: ModelParams,
    sampling: SamplingParams,
    loss: LossParams,
    training: TrainingParams,
    ranking: RankingParams,
    params: RefreshParams,
    device: str,
    parallel: ParallelParams,
    fit: PackedSessions,
    held_out: PackedSessions,
    items: pl.DataFrame,
    former: Checkpoint,
    last_checkpoints: Loaders,
) -> Iterator[tuple[pl.DataFrame, Checkpoint]]:
    """Yield the history and a checkpoint after every epoch on from the former model."""
    from tronrec import refresh
    from tronrec.training.history import history_table

    system = SystemParams(
        model=model, sampling=sampling, loss=loss, training=training, ranking=ranking
    )
    for checkpoint in refresh.train_on(
        refresh.Window(fit, held_out, items),
        former,
        refresh.refreshed_system(system, params, former.card),
        device=device,
        parallel=parallel,
        last=last_checkpoints,
    ):
        yield history_table(checkpoint.state.history), checkpoint


def replace_model(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    name: str,
    former: Checkpoint,
    trained: Checkpoint,
    fit: PackedSessions,
    held_out: PackedSessions,
    items: pl.DataFrame,
    params: RefreshParams,
    evaluation: EvaluationParams,
    device: str,
) -> Iterator[tuple[dict[str, Any], Checkpoint]]:
    """Yield the report and the model that is to be in use: the new or the former one.

    It yields so that the report counts as unfinished until the model is in its place.
    """
    from tronrec import refresh

    model, report = refresh.replace_if_better(
        former,
        trained,
        refresh.Window(fit, held_out, items),
        params.tolerance,
        name=name,
        device=device,
        batch_size=evaluation.batch_size,
    )
    yield report, model
