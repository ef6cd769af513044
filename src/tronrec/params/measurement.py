"""Parameters of the measurement and of the comparison of systems."""

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from tronrec.params.strict import Params
from tronrec.params.system import SystemParams

Baseline = Literal[
    "most_popular",
    "last_item",
    "session_popular",
    "sequential_rules",
    "item_knn",
    "session_knn",
]
"""A recommender that needs no training (`tronrec.baselines.rank`)."""


class EvaluationParams(Params):
    """The protocol of the measurement; the ranks themselves have no settings."""

    cutoffs: tuple[int, ...] = (5, 10, 20)
    """List lengths at which Recall, MRR and coverage are counted; 20 is required."""
    sessions: int | None = Field(None, ge=1)
    """Test sessions that are ranked, drawn at random; null: all, as in the paper."""
    batch_size: int = Field(1024, ge=1)
    """Events ranked at once; changes memory, never the result."""
    baselines: tuple[Baseline, ...] = get_args(Baseline)
    """Recommenders without training that are measured beside the model."""

    @model_validator(mode="after")
    def _cutoffs_are_usable(self) -> Self:
        if 20 not in self.cutoffs or min(self.cutoffs) < 1:  # noqa: PLR2004
            raise ValueError(
                f"cutoffs {list(self.cutoffs)} must be positive and contain 20"
            )
        return self


class BenchmarkParams(Params):
    """The comparison of systems, each as `systems` has it and not as the block does."""

    systems: dict[str, SystemParams] = Field({})
    """What is compared: names under `systems`, each with further differences if there
    are any; without names, all of them."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training sessions for every system; null: as many as its own."""
    subject: str | None = None
    """The system or baseline that each of the others is compared with; null: TRON XL,
    or the first system where that is not compared."""
    resamples: int = Field(1000, ge=100)
    """Draws of test sessions behind an interval or a p-value."""

    @model_validator(mode="after")
    def _subject_is_compared(self) -> Self:
        known = *self.systems, *get_args(Baseline)
        if self.systems and self.subject not in (None, *known):
            raise ValueError(f"subject {self.subject} is none of {', '.join(known)}")
        return self

    @property
    def chosen_subject(self) -> str:
        """The system that each of the others is compared with."""
        first = "tron_xl" if "tron_xl" in self.systems else next(iter(self.systems), "")
        return self.subject or first

    def entries(self) -> dict[str, SystemParams]:
        """Return the systems as they are trained."""
        if self.epochs is None:
            return self.systems
        epochs = {"epochs": self.epochs}
        return {
            name: system.model_copy(
                update={"training": system.training.model_copy(update=epochs)}
            )
            for name, system in self.systems.items()
        }
