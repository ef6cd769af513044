"""Parameters of simulated tests: with planned effects, or of trained systems."""

from datetime import UTC, datetime
from typing import Self

from pydantic import Field, model_validator

from tronrec.errors import UserError
from tronrec.params.experiment import ExperimentParams, Moment
from tronrec.params.measurement import BenchmarkParams
from tronrec.params.strict import Params
from tronrec.params.system import SystemParams

STEPS = ("click", "cart", "order")
"""What a simulated visitor does, each only after the one before."""

KEENEST = 1.8
"""How much likelier than the mean visitor the keenest one clicks."""

PAPER_EFFECTS = {"tron_xl": {"click": 0.1814, "cart": 0.2385, "order": 0.2367}}
"""The uplifts of TRON XL that the paper states; those of SASRec SSM are only drawn."""


class SimulatedTestParams(Params):
    """A made-up test whose uplifts are known, because they are planned."""

    visitors: int = Field(300_000, ge=2)
    """Visitors that see at least one list."""
    begin: Moment = datetime(2023, 5, 9, tzinfo=UTC)
    """The paper's test began on this day."""
    days: int = Field(9, ge=1)
    """Length of the test; the paper's ran from May 9 to May 17."""
    days_before: int = Field(0, ge=0)
    """Days before the test in which all groups see the control's lists."""
    exposures: float = Field(6, ge=1)
    """Lists that a visitor sees during the test, in the mean."""
    list_length: int = Field(10, ge=1)
    """Items of a list."""
    items: int = Field(5_000, ge=1)
    """Size of the catalogue."""
    click_share: float = Field(0.08, gt=0, lt=1)
    """Share of the control's lists that are clicked on."""
    cart_share: float = Field(0.25, gt=0, lt=1)
    """Share of its clicked items that are put into the cart."""
    order_share: float = Field(0.4, gt=0, lt=1)
    """Share of these that are ordered, often more than one piece at once."""
    effects: dict[str, dict[str, float]] = Field({})
    """Group -> kind of outcome -> relative uplift. A group that is not named has none;
    without any, TRON XL has the paper's."""
    seed: int = Field(1, ge=0)
    """The same seed and parameters give the same log."""

    @property
    def planned(self) -> dict[str, dict[str, float]]:
        """The uplifts of each group that has some."""
        return self.effects or PAPER_EFFECTS

    def shares(self, group: str) -> dict[str, float]:
        """Return the shares of a group: of lists clicked, of clicks with a cart, ...

        An effect on carts is one on carts by lists: the share of clicks that lead to a
        cart has to make up for what the effect on clicks does already.
        """
        effects, before, shares = self.planned.get(group, {}), 1.0, {}
        for kind in STEPS:
            after = 1 + effects.get(kind, 0)
            shares[kind] = getattr(self, f"{kind}_share") * after / before
            before = after
        return shares

    @model_validator(mode="after")
    def _lists_can_be_shown(self) -> Self:
        if self.list_length > self.items:
            raise ValueError(
                f"list_length ({self.list_length}) exceeds items ({self.items}); "
                "lower it"
            )
        return self

    @model_validator(mode="after")
    def _effects_are_possible(self) -> Self:
        for group, effects in self.planned.items():
            if unknown := effects.keys() - {*STEPS}:
                raise ValueError(
                    f"effects.{group} names {', '.join(sorted(unknown))}; known: "
                    f"{', '.join(STEPS)}"
                )
            if min(effects.values(), default=0) <= -1:
                raise ValueError(
                    f"effects.{group} must be above -1, or nothing is left"
                )
            for kind, share in self.shares(group).items():
                most = 1 / KEENEST if kind == "click" else 1
                if share > most:
                    raise ValueError(
                        f"effects.{group}.{kind} makes a share of {share:.3g} where "
                        f"{most:.3g} is the most; lower it, or {kind}_share"
                    )
        return self


class ReplayedTestParams(Params):
    """A simulated test of trained systems on the sessions of the test period."""

    visitors: int | None = Field(20_000, ge=2)
    """Sessions that take part, at most, drawn by lot; null: all."""
    lists: int = Field(10, ge=1)
    """Lists that a session sees, at most: one after each of its first clicks."""
    list_length: int = Field(10, ge=1, le=1000)
    """Items of a list."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training sessions for every system; null: as many as its own."""
    click_share: float = Field(0.5, gt=0, le=1)
    """Probability that a visitor clicks the item that comes next anyway, if it is the
    first of the list."""
    position_decay: float = Field(0.5, ge=0)
    """On place r, that probability is divided by r to this power."""
    cart_share: float = Field(0.25, ge=0, le=1)
    """Share of clicked items that are put into the cart."""
    order_share: float = Field(0.4, ge=0, le=1)
    """Share of these that are ordered."""
    seed: int = Field(1, ge=0)
    """The same seed, parameters and models give the same log."""

    def systems_of(
        self, experiment: ExperimentParams, benchmark: BenchmarkParams
    ) -> dict[str, SystemParams]:
        """Return the systems of the groups, as they are trained.

        Raises:
            UserError: A group has not the name of a system.
        """
        known = benchmark.systems
        if missing := [name for name in experiment.weights if name not in known]:
            raise UserError(
                f"experiment.groups: no system is called {', '.join(missing)}; a "
                f"replayed test knows {', '.join(known)}"
            )
        chosen = {name: known[name] for name in experiment.weights}
        epochs = self.epochs or benchmark.epochs
        return BenchmarkParams(systems=chosen, epochs=epochs).entries()
