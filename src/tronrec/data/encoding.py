"""The item index: which shop item has which number inside the model."""

import polars as pl

from tronrec.schemas import COUNT, INDEX, ITEM, ITEMS


def index_items(train: pl.LazyFrame) -> pl.DataFrame:
    """Number the items of the training period from 1; the most clicked comes first."""
    return (
        train.group_by(ITEM)
        .agg(pl.len().alias(COUNT))
        .sort(COUNT, ITEM, descending=[True, False])
        .with_row_index(INDEX, offset=1)
        .cast({INDEX: ITEMS[INDEX], COUNT: ITEMS[COUNT]})
        .select(ITEMS.names())
        .collect(engine="streaming")
    )
