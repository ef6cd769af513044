"""Parameters of a system: what makes a row of Table 2."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tronrec.params.ranking import RankingParams
from tronrec.params.strict import Params


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
    temperature: float | None = Field(None, gt=0)
    """Scores are cosines of hidden state and item, divided by this; null: plain
    products."""
    readout: Literal["state", "items", "both"] = "state"
    """What the hidden state is: the transformer's output, a mean of the session's item
    vectors that it weights (CORE), or the sum of the two."""
    item_dropout: float = Field(0, ge=0, lt=1)
    """The same as `dropout`, for the item vectors of that mean."""
    members: int = Field(1, ge=1)
    """Models of this shape that learn side by side, each from weights of its own. An
    item's score is the mean of theirs, and costs as much as one of a model so many
    times as wide."""
    member_clicks: int | None = Field(None, ge=1)
    """Clicks that all members learn from in a pass over the training sessions, at most:
    a log of more than a part of that has fewer members, one at least; null: any."""

    def members_of(self, clicks: int) -> int:
        """Return the members that learn from a log of so many clicks."""
        if self.member_clicks is None:
            return self.members
        return max(1, min(self.members, self.member_clicks // max(1, clicks)))

    @model_validator(mode="after")
    def _heads_divide_hidden_size(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"heads ({self.heads}) does not divide hidden_size "
                f"({self.hidden_size}); choose a divisor"
            )
        return self

    @model_validator(mode="after")
    def _readout_fits(self) -> Self:
        if self.temperature is not None and self.item_bias:
            raise ValueError(
                f"temperature ({self.temperature:g}) leaves no room for item_bias; set "
                "either to null or false"
            )
        if self.members > 1 and self.item_bias:
            raise ValueError(
                f"members ({self.members}) leave no room for item_bias; set either to "
                "1 or false"
            )
        if self.readout != "state" and self.encoder != "transformer":
            raise ValueError(
                f"readout ({self.readout}) is for a transformer, not a "
                f"{self.encoder}; set it to state"
            )
        if self.item_dropout and self.readout == "state":
            raise ValueError(
                f"item_dropout ({self.item_dropout:g}) has nothing to act on with "
                "readout state; set it to 0"
            )
        return self


Granularity = Literal["elementwise", "sessionwise", "batchwise"]
"""Whether negatives are drawn for each event, each session, or once for the batch."""


class SamplingParams(Params):
    """The negatives of an event (paper, section 2.1)."""

    uniform: int = Field(16_384, ge=0)
    """Items drawn uniformly from the catalogue."""
    uniform_share: float | None = Field(None, gt=0, le=1)
    """They are at most this share of the catalogue, so that a small shop does not draw
    each item over and over; null: no limit."""
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

    def uniform_of(self, num_items: int) -> int:
        """Return the items to draw uniformly from a catalogue of `num_items`."""
        if self.uniform_share is None:
            return self.uniform
        return min(self.uniform, max(1, int(self.uniform_share * num_items)))

    def kept_of(self, num_items: int) -> int | None:
        """Return how many negatives of an event are kept; None: all of them."""
        if self.top_k is None:
            return None
        return min(self.top_k, self.uniform_of(num_items) + self.in_batch)

    @model_validator(mode="after")
    def _enough_negatives(self) -> Self:
        total = self.uniform + self.in_batch
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
    min_steps: int = Field(1, ge=1)
    """Steps of an epoch, at least: where there are few sessions, an epoch is several
    passes over them."""
    batch_size: int = Field(128, ge=2)
    """Sessions of a step."""
    batches: Literal["whole_sessions", "session_parallel"] = "whole_sessions"
    """What a step sees of a session: all of it, or its next click, while a recurrent
    encoder carries its state from step to step (GRU4Rec)."""
    optimizer: Literal["adam", "adagrad"] = "adam"
    """How gradients become updates, of the encoder and of the touched items."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate."""
    item_rate: float = Field(1, gt=0)
    """The learning rate of the item table, as a multiple of the encoder's."""
    warmup_steps: int = Field(300, ge=0)
    """Steps over which the learning rate rises linearly from 0."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """After warm-up: hold the learning rate, or lower it to 0 at the last step."""
    choose_by: Literal["recall@20", "mrr@20", "both"] = "mrr@20"
    """The metric whose best epoch, on the validation sessions, gives the weights; both:
    the product of the two."""
    validation_sessions: int | None = Field(None, ge=1)
    """Held-out sessions that are ranked after an epoch, drawn at random; null: all, or
    as many as make 10^10 pairs of an event and an item."""
    patience: int | None = Field(None, ge=1)
    """Stop after so many epochs without a better value of it; null: never."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of matrix products while training: the encoder's, and the dense ones with items
    that most of a system without top-k is. Weights, updates and ranks stay float32.
    auto: bfloat16 where the processor has it; emulated, it is many times slower."""
    seed: int = Field(0, ge=0)
    """Seed of initial weights, order of sessions, negatives and dropout."""


class SystemParams(Params):
    """One row of Table 2: everything that a system's training and ranking depend on."""

    model: ModelParams = ModelParams()
    sampling: SamplingParams = SamplingParams()
    loss: LossParams = LossParams()
    training: TrainingParams = TrainingParams()
    ranking: RankingParams = RankingParams()

    def sized_for(self, clicks: int) -> Self:
        """Return the system with the members that a log of so many clicks has."""
        members = {"members": self.model.members_of(clicks), "member_clicks": None}
        return self.model_copy(update={"model": self.model.model_copy(update=members)})

    def deciding_weights(self) -> dict[str, Any]:
        """Return the parameters that decide the weights, by their full names.

        The others choose between epochs, or act on scores.
        """
        values = {
            f"{block}.{name}": value
            for block, parameters in self.model_dump(mode="json").items()
            for name, value in parameters.items()
            if block != "ranking"
        }
        del values["training.patience"]
        if self.training.schedule == "constant":
            del values["training.epochs"]
        return values

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
