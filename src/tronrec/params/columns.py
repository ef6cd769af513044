"""Parameters of a raw log with columns of its own: what they are called and hold."""

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from tronrec.params.strict import Params

Name = Annotated[str, Field(coerce_numbers_to_str=True, min_length=1)]
"""The name of a column, or its number, counted from 1, where there is no header."""

IdType = Literal["integer", "text"]
TimeUnit = Literal["iso", "s", "ms", "us", "ns"]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Columns(Params):
    """What the columns of a shop's own log are called, and what is in them."""

    session: Name | None = "session_id"
    """The column of the session; null: sessions are cut out of a visitor's clicks."""
    visitor: Name | None = None
    """The column of the visitor, whose clicks `ingestion.session_gap` cuts into
    sessions. With a session as well, only clicks of one visitor are in one session."""
    session_type: IdType = "integer"
    """What session and visitor are: whole numbers of 64 bits, or text of up to 200
    bytes."""
    item: Name = "item_id"
    """The column of the item."""
    item_type: IdType = "integer"
    """The same for the item: text keeps leading zeros and case."""
    time: Name = "timestamp"
    """The column of the time."""
    time_unit: TimeUnit = "iso"
    """ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970, also with a
    fraction."""
    time_zone: str = "UTC"
    """Where the clock of times without a zone stood: UTC, or such as Europe/Berlin."""
    type: Name | None = None
    """The column of the event's type; null: every event is a click."""
    click: Annotated[tuple[Name, ...], BeforeValidator(_as_list)] = ("clicks",)
    """The types of events that are clicks; others are counted and dropped."""
    header: bool = True
    """Whether a CSV file begins with the names of its columns; without, columns are
    named by their numbers, from 1."""
    separator: str = Field(",", min_length=1, max_length=8)
    """What stands between the columns of a CSV file."""
    quotes: bool = True
    """Whether fields of a CSV file may stand in double quotes."""

    @model_validator(mode="after")
    def _sessions_can_be_told(self) -> Self:
        if self.session is None and self.visitor is None:
            raise ValueError(
                "session (null) and visitor (null) tell no sessions apart; name the "
                "column of one"
            )
        return self

    @model_validator(mode="after")
    def _time_zone_is_known(self) -> Self:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f"time_zone ({self.time_zone}) is unknown; use a name such as UTC or "
                "Europe/Berlin"
            ) from error
        return self

    @property
    def needed(self) -> list[str]:
        """The names of the columns that are read."""
        optional = (self.visitor, self.session, self.type)
        return [*(name for name in optional if name), self.item, self.time]
