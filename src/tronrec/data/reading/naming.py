"""Clicks with the ids of the log again, for the numbers that grouping gave them."""

import polars as pl

from tronrec.data.reading.grouping import is_cut
from tronrec.data.reading.ingest import EVENT
from tronrec.params import IngestionParams
from tronrec.schemas import ITEM, SESSION

ID = "id"


def name_ids(
    clicks: pl.LazyFrame,
    events: pl.LazyFrame,
    item_ids: pl.DataFrame,
    params: IngestionParams,
) -> pl.LazyFrame:
    """Return clicks with the ids that sessions and items have in the log.

    Where the clicks of a visitor were cut into sessions, only the newest one is kept,
    so that an id stands for one session.

    Args:
        clicks: The clicks table, sorted.
        events: The events that it was made of.
        item_ids: The text ids of the items.
        params: How the events were grouped.
    """
    if is_cut(params) or events.collect_schema()[SESSION] == pl.String:
        names = events.select(pl.col(EVENT).alias(SESSION), pl.col(SESSION).alias(ID))
        clicks = _join(clicks, names, SESSION)
        if is_cut(params):
            newest = pl.col(SESSION).last().over(ID)
            clicks = clicks.filter(pl.col(SESSION) == newest)
        clicks = _rename(clicks, SESSION)
    if item_ids.is_empty():
        return clicks
    names = item_ids.lazy().rename({ITEM: ID}).with_row_index(ITEM)
    return _rename(_join(clicks, names.cast({ITEM: pl.Int64}), ITEM), ITEM)


def _join(clicks: pl.LazyFrame, names: pl.LazyFrame, on: str) -> pl.LazyFrame:
    return clicks.join(names, on=on, how="left", maintain_order="left")


def _rename(clicks: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return clicks.with_columns(pl.col(ID).alias(name)).drop(ID)
