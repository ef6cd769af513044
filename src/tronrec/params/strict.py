"""What all parameter models have in common."""

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Base of all parameter models: immutable, and a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
