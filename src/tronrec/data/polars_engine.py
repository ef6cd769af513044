"""The engine for one machine: whole sessions are read block by block."""

from tronrec.data.clicks import count_clicks, to_polars
from tronrec.data.encoding import index_items
from tronrec.data.filtering import filter_clicks
from tronrec.data.splitting import hold_out_validation, split_clicks
from tronrec.data.statistics import describe, first_clicks

__all__ = [
    "count_clicks",
    "describe",
    "filter_clicks",
    "first_clicks",
    "hold_out_validation",
    "index_items",
    "split_clicks",
    "to_polars",
]
