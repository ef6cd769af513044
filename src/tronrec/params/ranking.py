"""Parameters of ranking: what an item's score has beside what was trained."""

from typing import Self

from pydantic import Field, model_validator

from tronrec.params.strict import Params


class RankingParams(Params):
    """Terms of the score that are counted or chosen on validation, not trained.

    A change of them ranks anew and never trains anew.
    """

    trend: float = Field(0, ge=0)
    """What an item's score gains where its share of the recent clicks is e times its
    share of all clicks; 0: nothing."""
    trend_memory: float = Field(0.05, gt=0, le=1)
    """Mean age of a recent click, as a share of all training clicks."""
    repeat_gains: tuple[float, ...] = ()
    """What the scores of the session's own items gain, or lose where negative: that of
    the last click, of the one before it, and so on; the last number holds for all
    clicks before."""
    count_gain: float = 0
    """What the score of an item of the session gains for the natural logarithm of its
    clicks there."""
    successors: float = Field(0, ge=0)
    """What the score of an item gains where it often came after the last click's item
    of late, or before it: at most six times this; 0: nothing."""
    calibrate: bool = False
    """Whether trend, gains and successors are chosen anew on the validation sessions
    after training, which takes a minute or two. What is configured is tried as well.
    Epochs are then compared by the gains that fit each."""
    rerank: bool = False
    """Whether calibration also fits a network that orders the best 64 items anew, and
    keeps it where it is better by more than chance."""
    reranker: str | None = None
    """The network, as calibration writes it down; null: there is none."""

    @model_validator(mode="after")
    def _network_can_be_fitted(self) -> Self:
        if self.rerank and not self.calibrate:
            raise ValueError(
                "rerank (true) is for calibration, which fits the network; set "
                "calibrate to true or rerank to false"
            )
        return self

    @property
    def gains_by_lag(self) -> tuple[float, ...]:
        """The gains of repeats, of which there is one at least."""
        return self.repeat_gains or (0.0,)

    def without_gains(self) -> Self:
        """Return the same terms, without what single items gain after a session."""
        none = {
            "repeat_gains": (),
            "count_gain": 0.0,
            "successors": 0.0,
            "reranker": None,
        }
        return self.model_copy(update=none)

    @property
    def favours_repeats(self) -> bool:
        """Whether the score of the session's own items differs from that of others."""
        return bool(self.repeat_gains) or self.count_gain != 0

    def describe(self) -> str:
        """Return all terms in a few words."""
        gains = ", ".join(f"{gain:g}" for gain in self.repeat_gains)
        terms = {
            f"trend {self.trend:g} (memory {self.trend_memory:g})": self.trend,
            f"gains {gains}": self.repeat_gains,
            f"by clicks {self.count_gain:g}": self.count_gain,
            f"successors {self.successors:g}": self.successors,
            "the best 64 ordered anew": self.reranker,
        }
        return ", ".join(words for words, value in terms.items() if value) or "none"
