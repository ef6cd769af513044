"""How a group's ratio compares with the control's, and how sure that is.

A metric is a ratio of two sums over visitors, such as clicks by impressions. Its
numerator and denominator vary together, and an event is no unit of chance: a visitor's
events are alike. The delta method gives the ratio's variance from the covariances of
visitors' totals (Deng, Knoblich and Lu, KDD 2018).

Everything happens to the logarithm of a ratio. The relative uplift is a quotient of two
ratios, its logarithm a difference, which is closer to normal, treats the two groups
alike, and never promises an uplift below -100 %. For shares it is the interval of Katz
et al. (Biometrics 1978).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from tronrec.experiment.moments import Moments


@dataclass(frozen=True)
class Ratio:
    """Which two totals a metric divides, by their columns."""

    numerator: int
    denominator: int

    def is_known(self, group: Moments) -> bool:
        """Return whether both sums are above 0, so that the ratio has a logarithm."""
        return bool(min(group.means[[self.numerator, self.denominator]]) > 0)

    def of(self, group: Moments) -> float:
        """Return the ratio of a group whose denominator is not 0."""
        return float(group.means[self.numerator] / group.means[self.denominator])

    def influence(self, group: Moments) -> Float[np.ndarray, "totals"]:
        """Return how a visitor's totals move the logarithm of the ratio.

        The mean over visitors of these weights times totals is the logarithm's error,
        but for terms that vanish with more visitors.
        """
        weights = np.zeros(len(group.means))
        weights[self.numerator] += 1 / group.means[self.numerator]
        weights[self.denominator] -= 1 / group.means[self.denominator]
        return weights

    def relative_variance(self, group: Moments) -> float:
        """Return the variance of the ratio's logarithm, times the visitors."""
        weights = self.influence(group)
        return float(weights @ group.covariances @ weights)


@dataclass(frozen=True)
class Estimate:
    """The logarithm of a ratio, or of a quotient of ratios, and its standard error."""

    log: float
    standard_error: float

    @property
    def value(self) -> float:
        """The ratio or quotient itself."""
        return math.exp(self.log)

    @property
    def uplift(self) -> float:
        """By what part a quotient exceeds 1."""
        return math.expm1(self.log)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval of the logarithm that holds the truth with `level`."""
        radius = float(norm.ppf((1 + level) / 2)) * self.standard_error
        return self.log - radius, self.log + radius

    def p_value(self) -> float:
        """Return the two-sided p-value of a quotient that differs from 1."""
        if self.standard_error == 0:
            return float(self.log == 0)
        return float(2 * norm.sf(abs(self.log) / self.standard_error))


def estimate(group: Moments, ratio: Ratio) -> Estimate | None:
    """Return the ratio of a group; None where its visitors did nothing of the kind."""
    if not ratio.is_known(group):
        return None
    error = math.sqrt(ratio.relative_variance(group) / group.visitors)
    return Estimate(math.log(ratio.of(group)), error)


def compare(
    control: Moments, treated: Moments, ratio: Ratio, covariates: tuple[int, ...] = ()
) -> Estimate | None:
    """Return how the treated group's ratio compares with the control's.

    With covariates, which must be totals from before the test, the part of the
    difference is taken out that visitors brought along (CUPED: Deng et al., WSDM 2013).
    The truth stays the same, the interval becomes narrower.

    Args:
        control: Moments of the control group.
        treated: Moments of the other group.
        ratio: The metric.
        covariates: Columns of totals that the test cannot have changed.

    Returns:
        The quotient of the ratios; None where one of them is 0 or unknown.
    """
    groups = treated, control
    if not all(ratio.is_known(group) for group in groups):
        return None
    logarithm = math.log(ratio.of(treated)) - math.log(ratio.of(control))
    weights = [ratio.influence(group) for group in groups]
    if covariates:
        before = list(covariates)
        slopes = _slopes(groups, weights, before)
        logarithm -= float(slopes @ (treated.means - control.means)[before])
        for own in weights:
            own[before] -= slopes
    variance = sum(
        own @ group.covariances @ own / group.visitors
        for group, own in zip(groups, weights, strict=True)
    )
    return Estimate(logarithm, math.sqrt(max(float(variance), 0)))


def _slopes(
    groups: tuple[Moments, Moments],
    weights: list[Float[np.ndarray, "totals"]],
    before: list[int],
) -> Float[np.ndarray, "covariates"]:
    """Return by how much to correct for each covariate: the variance is then least."""
    spread = np.zeros((len(before), len(before)))
    shared = np.zeros(len(before))
    for group, own in zip(groups, weights, strict=True):
        spread += group.covariances[np.ix_(before, before)] / group.visitors
        shared += group.covariances[before] @ own / group.visitors
    # Least squares skip a covariate that is the same for all visitors.
    return np.linalg.lstsq(spread, shared, rcond=None)[0]
