"""Every number of a run, in frozen models that refuse what they do not know.

The defaults are TRON XL-Negs of the paper (section 3); YAML and the command line state
differences only. `conf/base/parameters.yml` shows where each block is set.
"""

from collections.abc import Iterator
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class Params(BaseModel):
    """Base of all parameter models: immutable, and a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IngestionParams(Params):
    """How raw files are read."""

    on_bad_rows: Literal["fail", "quarantine"] = "fail"
    """A line that holds no event stops the run, or is kept aside and counted."""
    max_bad_rows: int = Field(1000, ge=0)
    """Lines kept aside, at most; one more stops the run."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Whether clicks of one session on one item at one moment stay, or all but one."""
    clicks_at_once: int = Field(1 << 22, ge=1)
    """Clicks held in memory at a time, at about 250 bytes each; changes no result."""


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

    encoder: Literal["transformer", "gru"] = "transformer"
    """The architecture of the encoder."""
    hidden_size: int = Field(200, ge=1)
    """Size of item vectors and hidden states."""
    layers: int = Field(2, ge=1)
    """Number of blocks, or of recurrent units on top of each other."""
    heads: int = Field(1, ge=1)
    """Attention heads of the transformer; divides `hidden_size`."""
    feed_forward: int = Field(200, ge=1)
    """Width of the transformer's feed-forward layer."""
    dropout: float = Field(0.05, ge=0, lt=1)
    """Share of activations set to zero in training."""
    window: int = Field(50, ge=1)
    """Clicks of a session that the encoder sees: the last ones."""
    item_bias: bool = False
    """Whether an item's score has a learned part that depends on nothing else."""

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
    frequency: int = Field(0, ge=0)
    """Items drawn from the clicks of all training sessions, so by their frequency."""
    uniform_granularity: Granularity = "batchwise"
    """For what the negatives of these two kinds are drawn anew."""
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
        total = self.uniform + self.frequency + self.in_batch
        if total == 0:
            raise ValueError("no negatives: raise uniform or in_batch above 0")
        if self.top_k is not None and self.top_k > total:
            raise ValueError(
                f"top_k ({self.top_k}) exceeds the negatives ({total}); lower it or "
                "raise uniform"
            )
        return self


class LossParams(Params):
    """What is minimised (paper, section 2.2)."""

    name: Literal["bce", "bpr_max", "sampled_softmax"] = "sampled_softmax"
    """Binary cross-entropy, BPR-max, or the softmax over positive and negatives."""
    penalty: float = Field(0, ge=0)
    """Weight of BPR-max's score regularisation."""
    elu: float | None = Field(None, gt=0)
    """Scores pass through an ELU with this alpha before the loss; null: as they are.
    It changes no order, so ranks need none."""

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
    batches: Literal["whole_sessions", "session_parallel"] = "whole_sessions"
    """What a step sees of a session: all of it, or its next click, while a recurrent
    encoder carries its state from step to step (GRU4Rec)."""
    optimizer: Literal["adam", "adagrad"] = "adam"
    """How gradients become updates, of the encoder and of the touched items."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate."""
    warmup_steps: int = Field(300, ge=0)
    """Steps over which the learning rate rises linearly from 0."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """After warm-up: hold the learning rate, or lower it to 0 at the last step."""
    patience: int | None = Field(None, ge=1)
    """Stop after so many epochs without a better validation MRR@20; null: never."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the encoder's matrix products while training: bfloat16 is faster where the
    processor has it. Weights, logits, updates and ranks are float32 either way."""
    compile: bool = False
    """Whether `torch.compile` translates the encoder first: minutes that pay on a GPU
    and long trainings, not on a CPU."""
    seed: int = Field(0, ge=0)
    """Seed of initial weights, order of sessions, negatives and dropout."""


Baseline = Literal[
    "most_popular",
    "last_item",
    "session_popular",
    "sequential_rules",
    "item_knn",
    "session_knn",
]
"""A recommender that needs no training (`tronrec.evaluation.baselines`)."""


class EvaluationParams(Params):
    """The protocol of the measurement; the ranks themselves have no settings."""

    cutoffs: tuple[int, ...] = (5, 10, 20)
    """List lengths at which Recall, MRR and coverage are counted; 20 is required."""
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

    @model_validator(mode="after")
    def _single_clicks_suffice(self) -> Self:
        if self.training.batches == "whole_sessions":
            return self
        if self.model.encoder != "gru":
            raise ValueError(
                f"training.batches (session_parallel) needs an encoder with a state, "
                f"not a {self.model.encoder}; set model.encoder to gru"
            )
        for kind in ("uniform", "in_batch"):
            if getattr(self.sampling, f"{kind}_granularity") == "elementwise":
                raise ValueError(
                    f"sampling.{kind}_granularity (elementwise) has no meaning where a "
                    "step has one event of a session; set it to sessionwise"
                )
        if self.sampling.exclude_session:
            raise ValueError(
                "sampling.exclude_session (true) needs training.batches "
                "(session_parallel) to be whole_sessions; change either"
            )
        return self


class ParallelParams(Params):
    """The processes that train a model together; their number changes no result."""

    processes: int = Field(1, ge=1)
    """Processes on each machine; on GPUs, each has one of its own."""
    machines: int = Field(1, ge=1)
    """Machines that train together; each runs the same command."""
    rendezvous: str | None = None
    """`host:port` on one of the machines, by which they find each other."""

    @model_validator(mode="after")
    def _machines_can_meet(self) -> Self:
        if self.machines > 1 and self.rendezvous is None:
            raise ValueError(
                f"machines ({self.machines}) need a rendezvous; set it to host:port "
                "of one of them"
            )
        return self

    @property
    def workers(self) -> int:
        """Processes on all machines."""
        return self.processes * self.machines


class BenchmarkParams(Params):
    """The comparison of systems, each as `systems` has it and not as the block does."""

    systems: dict[str, SystemParams] = {}
    """What is compared: names under `systems`, each with further differences if there
    are any; without names, all of them."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training sessions for every system; null: as many as its own."""
    subject: str = "tron_xl"
    """The system that each of the others is compared with."""
    resamples: int = Field(1000, ge=100)
    """Draws of test sessions behind an interval or a p-value."""

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


Scalar = bool | int | float | str | None
"""A value of a parameter."""


class Dimension(Params):
    """The values that trials may give to a parameter: a range, or choices."""

    low: int | float | None = None
    """The smallest value of a range."""
    high: int | float | None = None
    """The largest value of a range."""
    log: bool = False
    """Whether to search the range on a logarithmic scale."""
    or_null: bool = False
    """Whether null is tried as well, in a range as off."""
    choices: tuple[Scalar, ...] = ()
    """The values, where there is no range."""
    when: dict[str, tuple[Scalar, ...]] = {}
    """Searched where these choices were drawn, by `block.name`; else the default."""

    @model_validator(mode="after")
    def _range_or_choices(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("has choices and a range; set low and high to null")
        elif self.low is None or self.high is None:
            raise ValueError("needs low and high, or choices")
        elif self.low >= self.high:
            raise ValueError(f"low ({self.low}) is not below high ({self.high})")
        elif self.log and self.low <= 0:
            raise ValueError(f"log needs low ({self.low}) above 0")
        return self

    @property
    def edges(self) -> tuple[Scalar, ...]:
        """The values that stand for all: if they are valid, the others are."""
        values = self.choices or (self.low, self.high)
        return (*values, None) if self.or_null else values


Space = dict[str, dict[str, Dimension]]
"""Block -> parameter -> what is tried."""


class TuningParams(Params):
    """The search for better settings; it sees training and validation only."""

    space: Space = {}
    """What is searched, by block and parameter."""
    warm_start: dict[str, SystemParams] = {}
    """Names under `systems` that are tried first, just as they are."""
    trials: int | None = Field(50, ge=1)
    """Trials of the study that are to be finished, by all runs; null: no limit."""
    minutes: float | None = Field(None, gt=0)
    """A run starts no trial after so long; null: no limit."""
    epochs: int | None = Field(None, ge=1)
    """Epochs of a trial; null: as many as `training.epochs`."""
    sessions: int | None = Field(None, ge=2)
    """A trial learns from the newest training sessions only; null: from all."""
    metric: Literal["recall@20", "mrr@20"] = "mrr@20"
    """What decides, on the validation sessions, at the epoch with the best MRR@20."""
    objectives: Literal["accuracy", "accuracy_and_time"] = "accuracy"
    """Whether training time counts as well; then no trial is pruned."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """What ends a trial after an epoch that is worse than those of others."""
    storage: Literal["sqlite", "journal"] = "sqlite"
    """The kind of file that holds the study; a database is named in the catalog."""
    study: str = "tuning"
    """Name of the study: a new one starts afresh."""
    choose: int | None = Field(None, ge=0)
    """Number of the trial that `tuned` becomes; null: the most accurate one."""
    seed: int = Field(0, ge=0)
    """Seed of what is tried; `training.seed` is that of each trial."""

    @model_validator(mode="after")
    def _search_can_end(self) -> Self:
        if self.trials is None and self.minutes is None:
            raise ValueError("trials and minutes are null; set one of them")
        return self

    @model_validator(mode="after")
    def _space_fits_the_parameters(self) -> Self:
        for place, problem in _space_problems(self.space):
            raise ValueError(f"space.{place}: {problem}")
        return self

    def dimensions(self) -> dict[str, Dimension]:
        """Return the space by `block.name`; those with a condition come last."""
        return _flatten(self.space)


def _flatten(space: Space) -> dict[str, Dimension]:
    """Return the entries by `block.name`; those with a condition come last."""
    named = {
        f"{b}.{name}": entry
        for b, block in space.items()
        for name, entry in block.items()
    }
    return dict(sorted(named.items(), key=lambda item: bool(item[1].when)))


def _space_problems(space: Space) -> Iterator[tuple[str, str]]:
    """Yield the place and the problem of each entry that does not fit."""
    flat = _flatten(space)
    for place, dimension in flat.items():
        block, _, name = place.partition(".")
        model = SystemParams.model_fields.get(block)
        if model is None or name not in type(model.default).model_fields:
            yield place, "there is no such parameter of a system"
            continue
        for value in dimension.edges:
            try:
                type(model.default).model_validate({name: value})
            except ValidationError as error:
                for details in error.errors():
                    if details["loc"]:
                        yield place, f"{value!r}: {details['msg']}"
        for other, values in dimension.when.items():
            if other not in flat or flat[other].when:
                yield place, f"when: {other} is not searched without a condition"
            elif not set(values) <= set(flat[other].choices):
                yield (
                    place,
                    f"when: {list(values)} are not among the choices of {other}",
                )


class DatasetParams(SystemParams):
    """The whole parameter block of a data set, after its system was filled in."""

    system: str = "tron_xl"
    """The row of Table 2 to train: a name under `systems`."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train and evaluate; `auto` takes a GPU if there is one."""
    parallel: ParallelParams = ParallelParams()
    ingestion: IngestionParams = IngestionParams()
    filtering: FilteringParams = FilteringParams()
    splitting: SplittingParams = SplittingParams()
    evaluation: EvaluationParams = EvaluationParams()
    benchmark: BenchmarkParams = BenchmarkParams()
    tuning: TuningParams = TuningParams()
    simulation: SimulationParams = SimulationParams()

    @model_validator(mode="after")
    def _batches_can_be_divided(self) -> Self:
        workers, training = self.parallel.workers, self.training
        if workers > 1 and training.batches == "session_parallel":
            raise ValueError(
                f"parallel.processes, of all machines ({workers}), cannot divide "
                "training.batches (session_parallel); set them to 1, or the batches to "
                "whole_sessions"
            )
        if workers > training.batch_size:
            raise ValueError(
                f"parallel.processes, of all machines ({workers}), exceed "
                f"training.batch_size ({training.batch_size}); lower them or raise it"
            )
        return self
