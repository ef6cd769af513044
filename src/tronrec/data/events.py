"""What an event of a raw log is, whoever wrote it, and what holds for every one."""

from datetime import UTC, datetime

import polars as pl

from tronrec.params import Columns, IdType
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

LONGEST_ID = 200
"""Bytes of a text id; a longer one is another column, or several run together."""


class RefusedError(ValueError):
    """Some line is not as it must be."""


def requirements(schema: pl.Schema) -> dict[str, pl.Expr]:
    """Return what holds for every event of such columns; null counts as broken."""
    return {
        **_id_requirement("session", SESSION, schema),
        **_id_requirement("item", ITEM, schema),
        "the time must be valid and from 1990 to 2099": pl.col(TIME).is_between(
            EARLIEST, LATEST, closed="left"
        ),
        "the event type must be given": pl.col(TYPE).is_not_null(),
    }


def _id_requirement(what: str, name: str, schema: pl.Schema) -> dict[str, pl.Expr]:
    is_text = schema[name] == pl.String
    kind = f"text of 1 to {LONGEST_ID} bytes" if is_text else "a whole number"
    return {f"the {what} must be {kind}": pl.col(name).is_not_null()}


def id_type(name: IdType) -> pl.DataType:
    """Return the type of a column of ids."""
    return pl.String() if name == "text" else pl.Int64()


def session_type(columns: Columns) -> pl.DataType:
    """Return the type of what tells sessions apart; two columns of it make a text."""
    both = columns.session and columns.visitor
    return pl.String() if both else id_type(columns.session_type)


def check_events(events: pl.DataFrame) -> pl.DataFrame:
    """Return the events if all requirements hold.

    Raises:
        RefusedError: One does not.
    """
    rules = requirements(events.schema)
    holds = events.select(
        rule.fill_null(False).all().alias(text) for text, rule in rules.items()
    )
    for text, is_true in holds.row(0, named=True).items():
        if not is_true:
            raise RefusedError(text)
    return events


def only_clicks() -> pl.Expr:
    """Return the type of events in a log that has only clicks."""
    return pl.lit(CLICK, dtype=EVENT_TYPES).alias(TYPE)


def from_zero(name: str) -> pl.Expr:
    """Return the ids of a publisher whose ids are whole numbers from 0."""
    return pl.when(pl.col(name) >= 0).then(name).alias(name)


def shorten(line: bytes) -> str:
    """Return the begin of a line as text, for messages."""
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")[:SHOWN]
