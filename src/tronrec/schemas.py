"""Column names, dtypes and identifiers that every stage agrees on.

A *click* is one event of a session. Inside the model items are numbered 1..|I|, and
`PADDING` is no item; the shop's own identifiers live in the item index only.
"""

import polars as pl

SESSION = "session_id"
ITEM = "item_id"
TITLE = "title"
TIME = "timestamp"
TEST_FILE = "test_file"
"""True for a click of a raw file that the publisher declares to be the test set."""

CLICKS = pl.Schema(
    {
        SESSION: pl.Int64(),
        ITEM: pl.Int64(),
        TIME: pl.Datetime("us", "UTC"),
        TEST_FILE: pl.Boolean(),
    }
)
"""The clicks table: whole sessions by their start, clicks by time (ties: file order).

For text ids of a shop, a session is the number of its first event, and an item its row
in the list of item ids.
"""

INDEX = "item_index"
COUNT = "count"

ITEMS = pl.Schema({INDEX: pl.Int32(), ITEM: pl.Int64(), COUNT: pl.Int64()})
"""The item index: model number 1..|I|, shop id, clicks in the training period.

A shop's ids may be text; the column is a `String` then.

Sorted by model number. The most clicked item is number 1; ties go to the lower shop id.
"""

FIRST_CLICK = "first_click"
"""Of an item: the time of its first click in the training period."""

BEST_RANK = "best_rank"
"""Of an item: the best rank at which it was recommended to anyone."""

DAY, CLICKS_OF_DAY = "day", "clicks"
"""A date, UTC, and the number of clicks on it."""

PADDING = 0
