"""Parameters of a raw log with columns of its own: what they are called and hold."""

from typing import Literal

from pydantic import Field

from tronrec.params.strict import Params


class Columns(Params):
    """What the columns of a shop's own log are called, and what is in them."""

    session: str = "session_id"
    """The column of the session: whole numbers."""
    item: str = "item_id"
    """The column of the item: whole numbers."""
    time: str = "timestamp"
    """The column of the time."""
    time_unit: Literal["iso", "s", "ms", "us"] = "iso"
    """ISO 8601 in UTC, or whole seconds, milli- or microseconds since 1970."""
    type: str | None = None
    """The column of the event's type; null: every event is a click."""
    click: str = "clicks"
    """The type of events that are clicks; others are counted and dropped."""
    separator: str = Field(",", min_length=1, max_length=1)
    """What stands between the columns of a CSV file."""

    @property
    def needed(self) -> list[str]:
        """The names of the columns that are read."""
        return [self.session, self.item, self.time, *([self.type] if self.type else [])]
