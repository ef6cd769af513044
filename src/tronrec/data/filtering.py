"""Which sessions and items are kept at all (paper, section 3)."""

import polars as pl

from tronrec.data.clicks import check_clicks, frequent, keep
from tronrec.errors import UserError
from tronrec.params import FilteringParams
from tronrec.schemas import ITEM, SESSION


def filter_clicks(clicks: pl.LazyFrame, params: FilteringParams) -> pl.LazyFrame:
    """Drop short sessions, then rare items, then sessions that became short; in order.

    Each step runs once, so an item may end below its support.

    Raises:
        UserError: The table is not a clicks table, or no session is left.
    """
    check_clicks(clicks)
    shortest, support = params.min_session_length, params.min_item_support
    sessions = frequent(clicks, SESSION, shortest)
    items = frequent(keep(clicks, sessions), ITEM, support)
    # Rare items leave every session they are in, and a session that is long enough
    # without them was long enough before.
    clicks = keep(clicks, items)
    left = frequent(clicks, SESSION, shortest)
    if left.is_empty():
        raise UserError(
            f"No session is left: {sessions.height:,} have at least {shortest} clicks, "
            f"and in these {items.height:,} items have at least {support}; lower "
            "filtering.min_item_support or min_session_length, or take more data"
        )
    return keep(clicks, left)
