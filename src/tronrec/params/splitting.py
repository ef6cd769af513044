"""Parameters of the division over time: what is used, trained on and held out."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from tronrec.params.strict import Params

HeldOut = Literal["test", "validation"]
"""A period that a model is measured on."""


def parse_moment(text: str) -> datetime:
    """Return an ISO date, at 00:00, or an ISO time; without a zone it is UTC.

    Raises:
        ValueError: It is neither.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is in no year from 1 to 9999") from error


def _check_moment(value: object) -> object:
    text = value.isoformat() if isinstance(value, date) else value
    try:
        if isinstance(text, str) and parse_moment(text):
            return text
    except ValueError:
        pass
    raise ValueError(
        f"{value!r} is no date or time, such as 2017-10-18 or 2017-10-18T06:00Z"
    )


Moment = Annotated[str, BeforeValidator(_check_moment)]


class Length(NamedTuple):
    """How much is held out: the newest days, or the newest share of the sessions."""

    parameter: str
    """Its name below `splitting`."""
    value: float
    is_share: bool

    def __str__(self) -> str:
        """Return name and value, as messages quote them."""
        return f"splitting.{self.parameter} ({self.value:g})"


class SplittingParams(Params):
    """How sessions are divided over time into training, validation and test (UTC)."""

    since: Moment | None = None
    """Sessions that begin before this date (2017-10-01) or ISO time are left out."""
    until: Moment | None = None
    """Sessions that begin at this date or time, or later, are left out; a date is its
    00:00."""
    by: Literal["time", "files"] = "time"
    """`files`: the publisher's test file is the test set; without one, by time."""
    session_time: Literal["first_click", "last_click"] = "first_click"
    """The moment of a session that decides where it belongs."""
    test_days: float | None = Field(7, gt=0)
    """Length of the test period, counted back from the newest session start; null:
    `test_share` says it."""
    test_share: float | None = Field(None, gt=0, lt=1)
    """The newest share of the sessions, as the test set; sessions of one moment stay
    together."""
    from_midnight: bool = False
    """Count days back from 00:00 of the newest day, not the newest session start."""
    trim: bool = False
    """Cut a training session's clicks at the start of the test period."""
    validation_days: float | None = Field(1, ge=0)
    """The newest part of the training period, held out to choose the epoch; 0: none;
    null: `validation_share` says it."""
    validation_share: float | None = Field(None, gt=0, lt=1)
    """The newest share of the training sessions, held out to choose the epoch."""
    min_predictions: int = Field(100, ge=1)
    """A test or validation period with fewer events to predict stops the run."""

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        since, until = self.since, self.until
        if since and until and parse_moment(since) >= parse_moment(until):
            raise ValueError(
                f"since ({since}) is not before until ({until}); change one of them"
            )
        return self

    @model_validator(mode="after")
    def _each_length_is_stated_once(self) -> Self:
        for part in ("test", "validation"):
            days, share = getattr(self, f"{part}_days"), getattr(self, f"{part}_share")
            if days is None and share is None:
                raise ValueError(
                    f"{part}_days and {part}_share are both null; set one of them"
                )
            if days is not None and share is not None:
                raise ValueError(
                    f"{part}_days ({days:g}) and {part}_share ({share:g}) both say how "
                    "much is held out; set one of them to null"
                )
        return self

    def length_of(self, part: HeldOut) -> Length:
        """Return how long a period is."""
        days, share = getattr(self, f"{part}_days"), getattr(self, f"{part}_share")
        if share is not None:
            return Length(f"{part}_share", share, is_share=True)
        return Length(f"{part}_days", days, is_share=False)
