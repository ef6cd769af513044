"""How many visitors a test needs, told from the log of the control alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from statsmodels.stats.power import NormalIndPower

from tronrec.experiment.moments import Moments
from tronrec.experiment.ratios import Ratio


@dataclass(frozen=True)
class Aim:
    """What a test is to find out."""

    uplift: float
    """The least relative uplift that is worth finding."""
    power: float = 0.8
    """Probability of finding it."""
    level: float = 0.95
    """Confidence of the interval that has to exclude 0."""


def visitors_needed(relative_variance: float, aim: Aim, quotient: float = 1) -> float:
    """Return the number of visitors that the control needs.

    Args:
        relative_variance: Of the metric, per visitor (`Ratio.relative_variance`).
        aim: What is to be found.
        quotient: Visitors of the treated group, by those of the control.
    """
    effect = math.log1p(aim.uplift) / math.sqrt(relative_variance)
    return float(
        NormalIndPower().solve_power(
            effect, alpha=1 - aim.level, power=aim.power, ratio=quotient
        )
    )


def days_needed(
    log: Sequence[Moments], ratio: Ratio, aim: Aim, share: float, quotient: float = 1
) -> int:
    """Return how many days a test has to run.

    With each day there are new visitors, and more events of the known ones, which vary
    less in their sums. Past the days of the log, the precision is taken to grow as in
    its second half.

    Args:
        log: Day -> moments of all visitors so far, over a log of the control.
        ratio: The metric.
        aim: What is to be found.
        share: Part of the visitors that the control will get.
        quotient: Visitors of the treated group, by those of the control.
    """
    reached = [
        share
        * day.visitors
        / visitors_needed(ratio.relative_variance(day), aim, quotient)
        for day in log
    ]
    for day, part in enumerate(reached, 1):
        if part >= 1:
            return day
    half = len(reached) // 2
    growth = (reached[-1] - (reached[half - 1] if half else 0)) / (len(reached) - half)
    return len(reached) + math.ceil((1 - reached[-1]) / growth)
