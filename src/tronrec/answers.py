"""What may be asked of a trained model, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Id = int | str
"""An item's id in the shop: a whole number or text, as in the clicks."""


@dataclass(frozen=True)
class Request:
    """A session, and which items it may be recommended."""

    session: Sequence[Id]
    """The items clicked, the newest last. Ids that the model does not know are
    skipped."""
    k: int = 20
    """Length of the list."""
    exclude: Sequence[Id] = ()
    """Items that are not recommended."""
    exclude_seen: bool = False
    """Whether the session's own items are not recommended either."""
    allow: Sequence[Id] | None = None
    """The only items that may be recommended, such as those in stock; None: all."""


@dataclass(frozen=True)
class Answer:
    """Recommendations for a session, the best first."""

    items: list[Id]
    """At most k: fewer where not so many are allowed."""
    scores: list[float]
    unknown: list[Id] = field(default_factory=list)
    """Ids of the session that the model does not know; they were skipped."""
    fallback: bool = False
    """Whether no item of the session was known, so that the list is the same for all:
    what is clicked most of late. Its scores are logs of expected clicks."""
