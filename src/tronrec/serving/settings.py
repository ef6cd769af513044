"""What the service listens to, and how much it takes on."""

from pydantic import Field

from tronrec.params import LARGEST_K, Params


class ServiceSettings(Params):
    """Limits of requests, of the queue, and of waiting."""

    longest_session: int = Field(500, ge=1)
    """Items of a session, at most."""
    longest_exclude: int = Field(1000, ge=0)
    """Items that a request excludes, at most: each makes its search deeper."""
    longest_allow: int = Field(10_000, ge=0)
    """Items that a request allows, at most: each is scored."""
    largest_k: int = Field(LARGEST_K, ge=1, le=LARGEST_K)
    """Items of an answer, at most."""
    body_bytes: int = Field(256 * 1024, ge=1)
    """Size of a request's body, at most."""
    body_seconds: float = Field(10, gt=0)
    """Time in which a request's body has to arrive."""
    waiting: int = Field(256, ge=1)
    """Requests that wait for the model, at most; further ones get a 503."""
    batch: int = Field(32, ge=1)
    """Requests that are answered together, at most."""
    wait: float = Field(0.001, ge=0)
    """Seconds that a request waits for company, at most, when the model is free."""
    watch_seconds: float = Field(2, gt=0)
    """Time between two looks at the model's file."""
    drain_seconds: int = Field(30, ge=1)
    """Time that requests under way have to end after SIGTERM."""
