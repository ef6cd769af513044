"""The node of filtering."""

import polars as pl

from tronrec.data import filtering
from tronrec.params import FilteringParams


def filter_clicks(clicks: pl.LazyFrame, params: FilteringParams) -> pl.LazyFrame:
    """Drop short sessions, then rare items, then sessions that became short."""
    return filtering.filter_clicks(clicks, params)
