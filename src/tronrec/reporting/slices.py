"""Recall and MRR of the test events by what they are: where a model is good or bad.

All is counted from ranks, so baselines are sliced in the same way as the model.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tronrec.schemas import COUNT, FIRST_CLICK, ITEM, SESSION, TIME

POSITION, LENGTH, REPEATED, TENTH, AGE, DAY = (
    "position",
    "length",
    "repeated",
    "tenth",
    "age",
    "day",
)
TENTHS = 10
PLACES = 1, 2, 3, 4, 5, 10, 20
"""Upper ends of the groups of positions and lengths; one more group is above."""
AGES = 1, 3, 7, 14, 28
"""Days: upper ends of the groups of ages."""
SECONDS_OF_A_DAY = 86_400


class Groups(NamedTuple):
    """A division of all events."""

    title: str
    labels: list[str]
    of_event: NDArray[np.int64]
    """Number of each event's group."""


def describe_events(
    test: pl.LazyFrame, items: pl.DataFrame, first_clicks: pl.DataFrame
) -> pl.DataFrame:
    """Return a row for each event that is predicted, in the order of its rank.

    Args:
        test: Clicks of whole sessions, in their order.
        items: The item index, with ids as clicks have them.
        first_clicks: Item -> the time of its first click in the training period.

    Returns:
        Clicks before the event (`position`), and of the whole session (`length`);
        whether the session has clicked the item before (`repeated`); in which tenth of
        the training clicks the item is, the most popular first (`tenth`); how many days
        after the item's first click it is (`age`); and its `day`.
    """
    clicks = test.select(SESSION, ITEM, TIME).collect(engine="streaming")
    popularity = items.select(ITEM, popularity_tenths(items[COUNT]).alias(TENTH))
    known = popularity.join(first_clicks, on=ITEM, how="left")
    return (
        clicks.with_columns(
            pl.int_range(pl.len()).over(SESSION).alias(POSITION),
            pl.len().over(SESSION).alias(LENGTH),
            (~pl.struct(SESSION, ITEM).is_first_distinct()).alias(REPEATED),
        )
        .filter(pl.col(POSITION) > 0)
        .join(known, on=ITEM, how="left", maintain_order="left")
        .select(
            POSITION,
            LENGTH,
            REPEATED,
            TENTH,
            ((pl.col(TIME) - pl.col(FIRST_CLICK)).dt.total_seconds() / SECONDS_OF_A_DAY)
            .clip(0)
            .alias(AGE),
            pl.col(TIME).dt.date().alias(DAY),
        )
    )


def of_sessions(events: pl.DataFrame, session: pl.Series) -> pl.DataFrame:
    """Return the events of some sessions, by the numbers of these, from 0 on."""
    number = (pl.col(POSITION) == 1).cum_sum() - 1
    return events.filter(number.is_in(session.unique().implode()))


def popularity_tenths(counts: pl.Series) -> pl.Series:
    """Return in which tenth of all clicks each item is, from 1 on.

    Args:
        counts: Clicks on each item, in descending order.
    """
    before = counts.cum_sum() - counts
    return (before * TENTHS // max(counts.sum(), 1) + 1).cast(pl.Int64)


def group_events(events: pl.DataFrame) -> dict[str, Groups]:
    """Return the divisions by which events are looked at."""
    day = events[DAY]
    days = day.unique().sort()
    numbers = np.searchsorted(days.to_numpy(), day.to_numpy())
    tenths = [str(tenth) for tenth in range(1, TENTHS + 1)]
    return {
        POSITION: _cut("Clicks of the session before", events[POSITION], PLACES, ""),
        LENGTH: _cut("Clicks of the whole session", events[LENGTH], PLACES, ""),
        TENTH: Groups(
            "Popularity of the item: tenths of all clicks, most popular first",
            tenths,
            events[TENTH].to_numpy() - 1,
        ),
        AGE: _cut("Days since the item's first click", events[AGE], AGES, "≤ "),
        REPEATED: Groups(
            "Whether the session had clicked the item before",
            ["new to the session", "seen in the session"],
            events[REPEATED].to_numpy().astype(np.int64),
        ),
        DAY: Groups("Day of the test period", days.cast(pl.String).to_list(), numbers),
    }


def _cut(title: str, values: pl.Series, ends: tuple[int, ...], sign: str) -> Groups:
    """Divide events by a number: each group reaches up to one of `ends`, with it."""
    labels = [f"{sign}{end}" for end in ends]
    if not sign:
        starts = [0, *ends]
        labels = [
            f"{end}" if end == low + 1 else f"{low + 1} to {end}"
            for low, end in zip(starts, ends, strict=False)
        ]
    numbers = np.searchsorted(ends, values.to_numpy(), side="left")
    return Groups(title, [*labels, f"> {ends[-1]}"], numbers)


def measure_groups(
    groups: Groups, ranks: Mapping[str, NDArray[np.int64]], k: int
) -> dict[str, Any]:
    """Return events, Recall@k and MRR@k of each group that has any, ready for JSON.

    Args:
        groups: The division.
        ranks: System -> rank of the target of each event.
        k: Ranks past this one score 0.
    """
    size = len(groups.labels)
    events = np.bincount(groups.of_event, minlength=size)
    kept = np.flatnonzero(events)
    measured = {}
    for name, own in ranks.items():
        hit = own <= k
        scores = {"recall": hit, "mrr": np.where(hit, 1 / own, 0)}
        measured[name] = {
            metric: (np.bincount(groups.of_event, score, size)[kept] / events[kept])
            for metric, score in scores.items()
        }
    return {
        "title": groups.title,
        "labels": [groups.labels[number] for number in kept],
        "events": events[kept].tolist(),
        "systems": {
            name: {metric: found.tolist() for metric, found in metrics.items()}
            for name, metrics in measured.items()
        },
    }
