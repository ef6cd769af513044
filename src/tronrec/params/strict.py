"""What all parameter models have in common."""

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Base of all parameter models: immutable; misspelt names, infinity are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
