"""Parameters of recommending to many sessions at once."""

from typing import Literal

from pydantic import Field

from tronrec.params.strict import Params

LARGEST_K = 1000
"""Longest list of recommendations."""

Search = Literal["exact", "approximate"]
"""How the best items are found: among all, or near the session's hidden state."""


class RecommendationParams(Params):
    """Which items each of the live sessions is recommended."""

    k: int = Field(20, ge=1, le=LARGEST_K)
    """Items for each session; fewer where the catalogue has not so many."""
    exclude_seen: bool = False
    """Whether the items of a session are not recommended to it."""
    search: Search = "exact"
    """How the best items are found; `approximate` needs an extra, and is for catalogues
    of more than 50,000 items."""
    batch_size: int = Field(1024, ge=1)
    """Sessions ranked at once; changes memory and time."""
    sessions_of_a_part: int = Field(65_536, ge=1)
    """Sessions of a file of the output, held in memory at a time. A run that was
    interrupted goes on after its last whole file."""
