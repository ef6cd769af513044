"""Parameters of the online experiment."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, model_validator

from tronrec.params.strict import Params

Moment = Annotated[
    datetime,
    AfterValidator(
        lambda time: time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    ),
]
"""A date or a time, of UTC where no other zone is stated."""

IMPRESSIONS, VISITORS = "impressions", "visitors"
"""What a metric can divide by beside a kind of outcome: lists shown, and visitors."""


class MetricParams(Params):
    """A metric: what visitors did, by what they could have done it on."""

    numerator: str = Field(min_length=1)
    """A kind of outcome, such as `click`."""
    count: Literal["events", "quantity"] = "events"
    """Whether outcomes are counted, or their quantities added up."""
    denominator: str = Field(VISITORS, min_length=1)
    """`impressions`, `visitors`, or another kind of outcome."""

    @model_validator(mode="after")
    def _numerator_is_an_outcome(self) -> Self:
        if self.numerator in {IMPRESSIONS, VISITORS}:
            raise ValueError(
                f"numerator ({self.numerator}) is no kind of outcome; name "
                "one, such as click"
            )
        return self


PAPER_GROUPS = {"sasrec": 1.0, "sasrec_ssm": 1.0, "tron_xl": 1.0}
"""The systems of the paper's Figure 2, each for a third of the visitors."""

PAPER_METRICS = {
    "clicks_per_impression": MetricParams(numerator="click", denominator=IMPRESSIONS),
    "add_to_carts": MetricParams(numerator="cart"),
    "units": MetricParams(numerator="order", count="quantity"),
}
"""The metrics of the paper's Figure 2."""


class ExperimentParams(Params):
    """A test of systems on visitors: who is in it, what counts, how sure is enough."""

    logs: Literal["given", "replayed"] = "given"
    """Whether there are logs of a live test, or the pipeline `experiment_…` makes them
    first, as `replay_experiment_…` does; for published clicks, nobody has any."""
    salt: str = Field("experiment", min_length=1, max_length=64)
    """Name of the test, from which the groups are drawn; another one draws anew."""
    groups: dict[str, PositiveFloat] = Field({})
    """Group -> weight; without any, SASRec, SASRec SSM and TRON XL with equal ones."""
    control: str = "sasrec"
    """The group that the others are compared with."""
    begin: Moment | None = None
    """Earlier events do not count; null: all of the log does."""
    end: Moment | None = None
    """Later exposures do not count, nor outcomes past its window of attribution."""
    days_before: int = Field(0, ge=0)
    """Days before `begin` whose events make the intervals narrower (CUPED)."""
    attribution: Literal["shown_items", "any_item"] = "shown_items"
    """Whether an outcome counts on items that were shown to the visitor, or on any."""
    attribution_hours: float = Field(24, gt=0)
    """Time after a list is shown in which an outcome counts."""
    metrics: dict[str, MetricParams] = Field({})
    """Name -> metric; without any, the paper's three."""
    max_exposures_a_day: int = Field(1000, ge=1)
    """A visitor with more on one day is a bot, and left out."""
    max_lost: float = Field(0.01, ge=0, le=1)
    """Share of exposures that may lack a group or belong to a visitor who changed it;
    more stops the report."""
    sample_ratio_alarm: float = Field(0.001, gt=0, lt=1)
    """The report is stopped if groups are so unlikely in size, by their weights."""
    level: float = Field(0.95, gt=0.5, lt=1)
    """Confidence of all intervals."""
    expected_uplift: float = Field(0.1, gt=0)
    """Size of uplifts for which the always-valid intervals are narrowest."""
    least_uplift: float = Field(0.05, gt=0)
    """The uplift that a planned test shall find."""
    power: float = Field(0.8, gt=0.5, lt=1)
    """Probability with which it shall be found."""

    @property
    def weights(self) -> dict[str, float]:
        """The groups and their weights."""
        return dict(self.groups or PAPER_GROUPS)

    @property
    def measured(self) -> dict[str, MetricParams]:
        """The metrics by name."""
        return dict(self.metrics or PAPER_METRICS)

    @model_validator(mode="after")
    def _groups_can_be_compared(self) -> Self:
        if self.control not in self.weights:
            raise ValueError(
                f"control ({self.control}) is not among groups "
                f"({', '.join(self.weights)}); name one of them"
            )
        if len(self.weights) == 1:
            raise ValueError(f"groups ({self.control}) must be two or more; add one")
        return self

    @model_validator(mode="after")
    def _period_has_a_length(self) -> Self:
        if self.begin and self.end and self.end <= self.begin:
            raise ValueError(
                f"end ({self.end}) must be later than begin ({self.begin})"
            )
        if self.days_before and not self.begin:
            raise ValueError(
                f"days_before ({self.days_before}) need a begin; state when the test "
                "began"
            )
        return self
