"""Parameters of a refresh: how a model that is in use goes on learning."""

from pydantic import Field

from tronrec.params.strict import Params


class RefreshParams(Params):
    """How a model goes on from new clicks, and when it takes the former one's place.

    It is judged on what `splitting.validation_days` or `validation_share` holds out.
    """

    window_days: int = Field(30, ge=2)
    """Newest days of the log (UTC) that it learns from and is judged on, the newest
    one included. Items without enough clicks in them leave the catalogue."""
    epochs: int = Field(2, ge=1)
    """Passes over these days, in place of `training.epochs`."""
    learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate, in place of `training.learning_rate`; null: the same."""
    warmup_steps: int | None = Field(None, ge=0)
    """Steps over which the rate rises from 0, in place of `training.warmup_steps`;
    null: the same."""
    tolerance: float = Field(0.01, ge=-1, le=1)
    """The former model stays if the new one's Recall@20 or MRR@20 is lower by more than
    this. A negative one asks for a gain."""
