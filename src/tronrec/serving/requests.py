"""What a request may be, and which field, value and limit a refusal names."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from tronrec.answers import Id, Request
from tronrec.serving.settings import ServiceSettings

LONGEST_VISITOR = 200
"""Characters of a visitor's id, at most."""
SHOWN = 80
"""Characters of a value that a refusal shows."""
ID_TYPES = ("int", "str", "constrained-str")
"""How pydantic names the two ways in which an id can be read."""
UNPROCESSABLE, TOO_LARGE = 422, 413

ItemId = Annotated[Id, Field(description="The shop's id of an item.")]
VisitorId = Annotated[
    int | Annotated[str, Field(min_length=1, max_length=LONGEST_VISITOR)],
    Field(description="The shop's id of a visitor."),
]


class Asked(BaseModel):
    """The body of `POST /recommend`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    session: list[ItemId] = Field(description="The items clicked, the newest last.")
    k: int = Field(20, ge=1, description="Length of the list.")
    exclude: list[ItemId] = Field([], description="Items not to be recommended.")
    exclude_seen: bool = Field(
        False, description="Whether the session's own items are not recommended either."
    )
    allow: list[ItemId] | None = Field(
        None, description="The only items that may be recommended; null: all."
    )
    visitor: VisitorId | None = Field(
        None, description="Who asks; decides about the model in a live test."
    )


class Recommended(BaseModel):
    """An item, and its score."""

    item: ItemId
    score: float


class Answered(BaseModel):
    """The answer of `POST /recommend`."""

    recommendations: list[Recommended]
    unknown: list[ItemId]
    """Ids of the session that the model does not know; they were skipped."""
    fallback: bool
    """Whether no item of the session was known: the list is the same for all."""
    model: str
    """Which model has answered: its system, and when it was trained."""
    group: str | None = None
    """The visitor's group in a live test; null: there is none, or no visitor."""
    exposure: str | None = None
    """The id under which it is logged that the visitor is shown this list."""


class Problem(BaseModel):
    """What is wrong with a field."""

    field: str
    value: str
    problem: str


class Refusal(BaseModel):
    """Why a request is not answered."""

    problems: list[Problem]


class RefusedError(Exception):
    """A request is not as it must be."""

    def __init__(self, status: int, problems: list[Problem]) -> None:
        """Keep what is wrong.

        Args:
            status: Of the response.
            problems: Each with field, value and limit.
        """
        super().__init__(problems)
        self.status = status
        self.refusal = Refusal(problems=problems)

    @classmethod
    def of(cls, status: int, field: str, value: object, problem: str) -> "RefusedError":
        """Return the refusal for a single problem."""
        return cls(status, [Problem(field=field, value=show(value), problem=problem)])


def read_request(
    body: bytes, settings: ServiceSettings
) -> tuple[Request, int | str | None]:
    """Return the request of a body, and the id of the visitor if there is one.

    Raises:
        RefusedError: The body is no JSON, or a field is not as it must be.
    """
    try:
        asked = Asked.model_validate_json(body)
    except ValidationError as error:
        # An id that is neither number nor text is wrong in two ways: one is enough.
        problems = {
            (field := _field(details["loc"])): Problem(
                field=field, value=show(details["input"]), problem=_describe(details)
            )
            for details in error.errors(include_url=False, include_context=False)
        }
        raise RefusedError(UNPROCESSABLE, list(problems.values())[:SHOWN]) from error
    _check_sizes(asked, settings)
    request = Request(
        asked.session, asked.k, asked.exclude, asked.exclude_seen, asked.allow
    )
    return request, asked.visitor


def _check_sizes(asked: Asked, settings: ServiceSettings) -> None:
    sizes = {
        "session": (len(asked.session), settings.longest_session, "items"),
        "exclude": (len(asked.exclude), settings.longest_exclude, "items"),
        "allow": (len(asked.allow or ()), settings.longest_allow, "items"),
        "k": (asked.k, settings.largest_k, ""),
    }
    problems = [
        Problem(
            field=name,
            value=show(f"{size} {unit}".rstrip()),
            problem=f"must be at most {limit} {unit}".rstrip(),
        )
        for name, (size, limit, unit) in sizes.items()
        if size > limit
    ]
    if problems:
        raise RefusedError(UNPROCESSABLE, problems)


def _describe(details: ErrorDetails) -> str:
    if details["type"].startswith("string_too_"):
        return details["msg"].replace("String should have", "must have", 1)
    if details["loc"] and details["loc"][-1] in ID_TYPES:
        return "must be an id: a whole number or text"
    return details["msg"].replace("Input should be", "must be", 1)


def _field(place: tuple[int | str, ...]) -> str:
    names = [str(name) for name in place if name not in ID_TYPES]
    return show(".".join(names) or "body")


def show(value: Any) -> str:
    """Return the begin of a value as text that can be sent."""
    text = value if isinstance(value, str) else repr(value)
    if isinstance(value, bytes):
        text = value[:SHOWN].decode("utf-8", "replace")
    return text[:SHOWN].encode("utf-8", "replace").decode()
