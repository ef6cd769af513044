"""Which sessions and items are kept at all (paper, section 3)."""

import polars as pl

from tronrec.data.clicks import (
    count_by_item,
    count_clicks,
    count_short,
    keep,
    keep_long,
)
from tronrec.errors import UserError
from tronrec.params import FilteringParams
from tronrec.schemas import COUNT


def filter_clicks(
    clicks: pl.LazyFrame, params: FilteringParams
) -> tuple[pl.LazyFrame, dict[str, int]]:
    """Drop short sessions, then rare items, then sessions that became short; in order.

    Each step runs once, so an item may end below its support. Returns the clicks that
    are kept, and the number of clicks that each step drops.

    Raises:
        UserError: No session is left.
    """
    shortest, support = params.min_session_length, params.min_item_support
    items = count_by_item(keep_long(clicks, shortest))
    frequent = items.filter(pl.col(COUNT) >= support)
    # Rare items leave every session they are in, and a session that is long enough
    # without them was long enough before.
    left = int(frequent[COUNT].sum())
    in_short = count_clicks(clicks) - int(items[COUNT].sum())
    of_frequent, became_short = clicks, 0
    if frequent.height < items.height:
        of_frequent = keep(clicks, frequent)
        long = keep(keep_long(clicks, shortest), frequent)
        became_short = count_short(long, shortest)
    if left == became_short:
        raise UserError(
            f"No session is left: {items[COUNT].sum():,} clicks are in sessions of at "
            f"least {shortest}, and of their items {frequent.height:,} have at least "
            f"{support}; lower filtering.min_item_support or min_session_length, or "
            "take more data"
        )
    return keep_long(of_frequent, shortest), {
        "in short sessions": in_short,
        "on rare items": int(items[COUNT].sum()) - left,
        "in sessions that became short": became_short,
    }
