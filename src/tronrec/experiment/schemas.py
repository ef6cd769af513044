"""The two tables that a test leaves behind: what was shown, and what came of it.

Ids of visitors and items may be text or whole numbers; the log that we write has text.
"""

import polars as pl

EXPOSURE = "exposure_id"
OUTCOME = "outcome_id"
VISITOR = "visitor_id"
TIME = "timestamp"
GROUP = "group"
ITEMS = "items"
ITEM = "item_id"
KIND = "kind"
QUANTITY = "quantity"

MOMENT = pl.Datetime("ms", "UTC")

EXPOSURES = pl.Schema(
    {
        EXPOSURE: pl.String(),
        VISITOR: pl.String(),
        TIME: MOMENT,
        GROUP: pl.String(),
        ITEMS: pl.List(pl.String()),
    }
)
"""A row for each list that a visitor saw; the items in their order on the page."""

OUTCOMES = pl.Schema(
    {
        OUTCOME: pl.String(),
        VISITOR: pl.String(),
        TIME: MOMENT,
        KIND: pl.String(),
        ITEM: pl.String(),
        QUANTITY: pl.Float64(),
    }
)
"""A row for each click, each item put into a cart, each item of an order."""
