"""What an event of a raw log is, whoever wrote it, and what holds for every one."""

from datetime import UTC, datetime

import polars as pl

from tronrec.schemas import ITEM, SESSION, TIME

TYPE = "type"
CLICK, CARTS, ORDERS, OTHER = "clicks", "carts", "orders", "other"
PUBLISHED_TYPES = pl.Enum([CLICK, CARTS, ORDERS])
EVENT_TYPES = pl.Enum([*PUBLISHED_TYPES.categories, OTHER])

EVENT_TIME = pl.Datetime("ns", "UTC")
"""As fine as any log has it: it decides what was first, and what is a duplicate."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""A time outside is a wrong unit or a wrong column rather than a click."""

SHOWN = 200
"""Characters of a bad line that are shown and kept."""

REQUIREMENTS: dict[str, pl.Expr] = {
    "the session must be a whole number from 0": pl.col(SESSION) >= 0,
    "the item must be a whole number from 0": pl.col(ITEM) >= 0,
    "the time must be valid and from 1990 to 2099": pl.col(TIME).is_between(
        EARLIEST, LATEST, closed="left"
    ),
    "the event type must be given": pl.col(TYPE).is_not_null(),
}
"""What holds for every event; null counts as broken."""


class RefusedError(ValueError):
    """Some line is not as it must be."""


def check_events(events: pl.DataFrame) -> pl.DataFrame:
    """Return the events if all requirements hold.

    Raises:
        RefusedError: One does not.
    """
    holds = events.select(
        rule.fill_null(False).all().alias(text) for text, rule in REQUIREMENTS.items()
    )
    for text, is_true in holds.row(0, named=True).items():
        if not is_true:
            raise RefusedError(text)
    return events


def only_clicks() -> pl.Expr:
    """Return the type of events in a log that has only clicks."""
    return pl.lit(CLICK, dtype=EVENT_TYPES).alias(TYPE)


def shorten(line: bytes) -> str:
    """Return the begin of a line as text, for messages."""
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")[:SHOWN]
