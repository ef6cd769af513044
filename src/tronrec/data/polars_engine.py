"""The engine for one machine: whole sessions are read block by block."""

from tronrec.data.clicks import count_clicks, to_polars
from tronrec.data.encoding import index_items
from tronrec.data.filtering import filter_clicks
from tronrec.data.splitting import hold_out_validation, split_clicks
from tronrec.data.statistics import clicks_by_day, describe, first_clicks
from tronrec.data.time_limits import keep_begun

__all__ = [
    "clicks_by_day",
    "count_clicks",
    "describe",
    "filter_clicks",
    "first_clicks",
    "hold_out_validation",
    "index_items",
    "keep_begun",
    "split_clicks",
    "to_polars",
]
