"""Which outcomes a list has led to: what followed it, by the same visitor, in time.

An outcome belongs to the last list before it, within the window of attribution, that
showed its item (or, if so stated, to the last list at all). It counts where that list
counts: in the test, or before it. Its day is its own, so that the figures of a day do
not change afterwards.
"""

from datetime import timedelta

import polars as pl

from tronrec.experiment.cleaning import (
    BEFORE,
    COUNTED,
    DAY,
    MISSING,
    REASON,
    Account,
    Period,
    Shown,
    count_reasons,
    first_reason,
    hashed,
    split_doubles,
)
from tronrec.experiment.schemas import (
    EXPOSURE,
    GROUP,
    ITEM,
    ITEMS,
    KIND,
    OUTCOME,
    QUANTITY,
    TIME,
    VISITOR,
)
from tronrec.params.experiment import (
    IMPRESSIONS,
    VISITORS,
    ExperimentParams,
    MetricParams,
)

SHOWN_AT, FIRST = "shown_at", "first"
ROW = "row"


def column_of(kind: str, count: str) -> str:
    """Return the name of the column that counts outcomes, or adds up quantities."""
    return kind if count == "events" else f"{kind} quantity"


def counted_columns(metrics: dict[str, MetricParams]) -> dict[str, tuple[str, str]]:
    """Return the columns that metrics need: name -> kind of outcome, what counts."""
    pairs = [(metric.numerator, metric.count) for metric in metrics.values()]
    pairs += [
        (metric.denominator, "events")
        for metric in metrics.values()
        if metric.denominator not in {IMPRESSIONS, VISITORS}
    ]
    return {column_of(kind, count): (kind, count) for kind, count in pairs}


def read_outcomes(
    outcomes: pl.LazyFrame,
    exposures: pl.LazyFrame,
    shown: Shown,
    params: ExperimentParams,
    period: Period,
) -> tuple[pl.DataFrame, Account]:
    """Return what visitors did on each day, and what became of every row.

    Args:
        outcomes: The log of outcomes; it has to fit into memory.
        exposures: The log of exposures, which is read in a stream.
        shown: What the exposures told: the visitors in the test, and doubled rows.
        params: What counts.
        period: When.

    Returns:
        `VISITOR`, `DAY` and the columns of `counted_columns`.
    """
    columns = counted_columns(params.measured)
    kinds = {kind for kind, _ in columns.values()}
    rows = outcomes.select(
        hashed(VISITOR), hashed(OUTCOME), TIME, KIND, ITEM, QUANTITY
    ).collect(engine="streaming")
    distinct = pl.concat(split_doubles(rows, OUTCOME))
    in_test = pl.col(VISITOR).is_in(shown.visitors[VISITOR].implode())
    early = {
        **MISSING,
        "of another kind": pl.col(KIND).is_in(kinds).not_().fill_null(value=True),
        "of visitors who are not in the test": in_test.not_(),
    }
    judged = distinct.with_columns(first_reason(early)).with_row_index(ROW)
    candidates = judged.filter(pl.col(REASON).is_null())
    single = _without_doubled(exposures, shown.doubled)
    lists = _last_lists(candidates, single, params, period)
    followed = candidates.join(lists, on=ROW, how="inner")
    account = count_reasons(judged, early) | {
        "read": rows.height,
        "doubled": rows.height - distinct.height,
        "after no list": candidates.height - followed.height,
        COUNTED: followed.height,
    }
    return _count(followed, columns, period), account


def _without_doubled(exposures: pl.LazyFrame, doubled: pl.DataFrame) -> pl.LazyFrame:
    """Return the exposures, ids as numbers; of those with one id, the first."""
    numbered = exposures.with_columns(hashed(VISITOR), hashed(EXPOSURE))
    if doubled.is_empty():
        return numbered
    first = doubled.lazy().select(
        VISITOR, EXPOSURE, pl.col(TIME).alias(FIRST), double=True
    )
    return numbered.join(first, on=[VISITOR, EXPOSURE], how="left").filter(
        pl.col("double").is_null() | (pl.col(TIME) == pl.col(FIRST))
    )


def _last_lists(
    outcomes: pl.DataFrame,
    exposures: pl.LazyFrame,
    params: ExperimentParams,
    period: Period,
) -> pl.DataFrame:
    """Return when the list was shown that each outcome followed: `ROW`, `SHOWN_AT`."""
    window = timedelta(hours=params.attribution_hours)
    needed = [VISITOR, ITEM] if params.attribution == "shown_items" else [VISITOR]
    group = pl.col(GROUP).is_in(list(params.weights)).fill_null(value=False)
    lists = exposures.filter(
        pl.col(TIME).is_between(period.earliest, period.end, "left"),
        group | (pl.col(TIME) < period.begin),
    ).select(VISITOR, pl.col(TIME).alias(SHOWN_AT), ITEMS)
    pairs = lists.join(outcomes.lazy().select(ROW, TIME, *needed), on=VISITOR).filter(
        pl.col(SHOWN_AT) <= pl.col(TIME),
        pl.col(TIME) <= pl.col(SHOWN_AT) + window,
    )
    if ITEM in needed:
        pairs = pairs.filter(_is_shown(lists, outcomes))
    last = pairs.group_by(ROW).agg(pl.col(SHOWN_AT).max())
    return last.collect(engine="streaming")


def _is_shown(lists: pl.LazyFrame, outcomes: pl.DataFrame) -> pl.Expr:
    """Return whether the item is on the list; numbers and their digits are the same."""
    items, item = pl.col(ITEMS), pl.col(ITEM)
    if lists.collect_schema()[ITEMS] != pl.List(outcomes.schema[ITEM]):
        items, item = items.cast(pl.List(pl.String)), item.cast(pl.String)
    return items.list.contains(item)


def _count(
    followed: pl.DataFrame, columns: dict[str, tuple[str, str]], period: Period
) -> pl.DataFrame:
    """Return a row for each visitor and day."""
    before = pl.col(SHOWN_AT) < period.begin
    own = [
        (pl.col(QUANTITY).fill_null(1) if count == "quantity" else pl.lit(1.0))
        .filter(pl.col(KIND) == kind)
        .sum()
        .alias(name)
        for name, (kind, count) in columns.items()
    ]
    day = pl.when(before).then(pl.lit(BEFORE, pl.Int32)).otherwise(period.day())
    return followed.group_by(VISITOR, day.alias(DAY)).agg(own)
