"""Every number of a run, in frozen models that refuse what they do not know.

The defaults are TRON XL-Negs of the paper (section 3); YAML and the command line state
differences only. `conf/base/parameters.yml` shows where each block is set.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Params(BaseModel):
    """Base of all parameter models: immutable, and a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FilteringParams(Params):
    """Which sessions and items are kept (paper, section 3)."""

    min_session_length: int = Field(2, ge=2)
    """Sessions with fewer clicks are dropped, before and after the items are."""
    min_item_support: int = Field(5, ge=1)
    """Items with fewer clicks are dropped."""


class SplittingParams(Params):
    """How sessions are divided over time into training, validation and test (UTC)."""

    by: Literal["time", "files"] = "time"
    """`files`: the publisher's test file is the test set; without one, by time."""
    session_time: Literal["first_click", "last_click"] = "first_click"
    """The moment of a session that decides where it belongs."""
    test_days: float = Field(7, gt=0)
    """Length of the test period, counted back from the newest session start."""
    from_midnight: bool = False
    """Count back from 00:00 of the newest day, not from the newest session start."""
    trim: bool = False
    """Cut a training session's clicks at the start of the test period."""
    validation_days: float = Field(1, ge=0)
    """The newest part of the training period, held out to choose the epoch; 0: none."""


class ModelParams(Params):
    """The encoder: from the clicks of a session to a hidden state per click."""

    encoder: Literal["transformer"] = "transformer"
    """The architecture of the encoder."""
    hidden_size: int = Field(200, ge=1)
    """Size of item vectors and hidden states."""
    layers: int = Field(2, ge=1)
    """Number of blocks."""
    heads: int = Field(1, ge=1)
    """Attention heads; divides `hidden_size`."""
    feed_forward: int = Field(200, ge=1)
    """Width of the feed-forward layer."""
    dropout: float = Field(0.05, ge=0, lt=1)
    """Share of activations set to zero in training."""
    window: int = Field(50, ge=1)
    """Clicks of a session that the encoder sees: the last ones."""

    @model_validator(mode="after")
    def _heads_divide_hidden_size(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"heads ({self.heads}) does not divide hidden_size "
                f"({self.hidden_size}); choose a divisor"
            )
        return self


Granularity = Literal["elementwise", "sessionwise", "batchwise"]
"""Whether negatives are drawn for each event, each session, or once for the batch."""


class SamplingParams(Params):
    """The negatives of an event (paper, section 2.1)."""

    uniform: int = Field(16_384, ge=0)
    """Items drawn uniformly from the catalogue."""
    uniform_granularity: Granularity = "batchwise"
    """For what the uniform negatives are drawn anew."""
    in_batch: int = Field(127, ge=0)
    """Clicks drawn from the other sessions of the batch."""
    in_batch_granularity: Granularity = "sessionwise"
    """For what the in-batch negatives are drawn anew."""
    exclude_session: bool = False
    """No item of the session is a negative; otherwise only the target itself is not."""
    top_k: int | None = Field(100, ge=1)
    """Keep only the k highest-scored negatives of an event; null keeps all."""

    @model_validator(mode="after")
    def _enough_negatives(self) -> Self:
        total = self.uniform + self.in_batch
        if total == 0:
            raise ValueError("no negatives: raise uniform or in_batch above 0")
        if self.top_k is not None and self.top_k > total:
            raise ValueError(
                f"top_k ({self.top_k}) exceeds uniform + in_batch ({total}); lower it"
            )
        return self


class LossParams(Params):
    """What is minimised (paper, section 2.2)."""

    name: Literal["bce", "bpr_max", "sampled_softmax"] = "sampled_softmax"
    """Binary cross-entropy, BPR-max, or the softmax over positive and negatives."""
    penalty: float = Field(0, ge=0)
    """Weight of BPR-max's score regularisation."""

    @model_validator(mode="after")
    def _penalty_has_an_effect(self) -> Self:
        if self.penalty and self.name != "bpr_max":
            raise ValueError(
                f"penalty ({self.penalty:g}) is for bpr_max only; set it to 0"
            )
        return self


class TrainingParams(Params):
    """The optimisation and its schedule.

    The defaults are ours: a tenth of the paper's 100 epochs, with a falling rate.
    """

    epochs: int = Field(10, ge=1)
    """Passes over the training sessions, at most."""
    batch_size: int = Field(128, ge=2)
    """Sessions of a step."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate of Adam."""
    warmup_steps: int = Field(300, ge=0)
    """Steps over which the learning rate rises linearly from 0."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """After warm-up: hold the learning rate, or lower it to 0 at the last step."""
    patience: int | None = Field(None, ge=1)
    """Stop after so many epochs without a better validation MRR@20; null: never."""
    seed: int = Field(0, ge=0)
    """Seed of initial weights, order of sessions, negatives and dropout."""


class EvaluationParams(Params):
    """The protocol of the measurement; the ranks themselves have no settings."""

    cutoffs: tuple[int, ...] = (5, 10, 20)
    """List lengths at which Recall, MRR and coverage are counted; 20 is required."""
    batch_size: int = Field(1024, ge=1)
    """Events ranked at once; changes memory, never the result."""

    @model_validator(mode="after")
    def _cutoffs_are_usable(self) -> Self:
        if 20 not in self.cutoffs or min(self.cutoffs) < 1:  # noqa: PLR2004
            raise ValueError(
                f"cutoffs {list(self.cutoffs)} must be positive and contain 20"
            )
        return self


class SimulationParams(Params):
    """A made-up shop and its visitors (`tronrec.data.simulate`)."""

    sessions: int = Field(30_000, ge=2)
    """Sessions, OTTO's in length: 16.8 clicks in the mean, so about 500,000 clicks."""
    items: int = Field(5_000, ge=2)
    """Size of the catalogue."""
    categories: int = Field(50, ge=1)
    """Groups of items; a visit stays within one."""
    days: int = Field(28, ge=2)
    """Length of the period in which sessions start."""
    test_days: int = Field(7, ge=1)
    """The last days of the period, which OTTO's test file covers."""
    successors: int = Field(5, ge=1)
    """Likely next items of every item: what a sequence model can learn."""
    successor_share: float = Field(0.6, ge=0, le=1)
    """Share of clicks that go on to a successor of the item before."""
    repeat_share: float = Field(0.1, ge=0, le=1)
    """Share of clicks that return to an earlier click; chance adds about as many."""
    visit_share: float = Field(0.05, ge=0, le=1)
    """Share of clicks that come hours later and turn to a newly drawn category."""
    drift: float = Field(0.3, ge=0, le=1)
    """Part of its category through which popularity moves from first to last day."""
    seed: int = Field(0, ge=0)
    """The same seed and parameters give the same clicks."""

    @model_validator(mode="after")
    def _parts_fit_into_the_whole(self) -> Self:
        if self.categories > self.items:
            raise ValueError(
                f"categories ({self.categories}) exceed items ({self.items}); "
                "lower categories"
            )
        if self.test_days >= self.days:
            raise ValueError(
                f"test_days ({self.test_days}) leave none of days ({self.days}) for "
                "training; lower test_days"
            )
        if self.successor_share + self.repeat_share > 1:
            raise ValueError(
                f"successor_share ({self.successor_share}) and repeat_share "
                f"({self.repeat_share}) exceed 1 together; lower one"
            )
        return self


class SystemParams(Params):
    """One row of Table 2: everything that training a system depends on."""

    model: ModelParams = ModelParams()
    sampling: SamplingParams = SamplingParams()
    loss: LossParams = LossParams()
    training: TrainingParams = TrainingParams()

    @model_validator(mode="after")
    def _batch_has_in_batch_negatives(self) -> Self:
        in_batch, batch_size = self.sampling.in_batch, self.training.batch_size
        if in_batch >= batch_size:
            raise ValueError(
                f"sampling.in_batch ({in_batch}) exceeds the other sessions of a batch "
                f"({batch_size - 1}); lower it or raise training.batch_size"
            )
        return self


class DatasetParams(SystemParams):
    """The whole parameter block of a data set, after its system was filled in."""

    system: str = "tron_xl"
    """The row of Table 2 to train: a name under `systems`."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train and evaluate; `auto` takes a GPU if there is one."""
    filtering: FilteringParams = FilteringParams()
    splitting: SplittingParams = SplittingParams()
    evaluation: EvaluationParams = EvaluationParams()
    simulation: SimulationParams = SimulationParams()
