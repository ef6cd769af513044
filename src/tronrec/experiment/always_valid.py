"""Intervals for those who look every day, and stop when they have seen enough.

The usual interval holds the truth with 95 % at one look that was fixed beforehand. Who
looks every day and stops at the first significant difference is wrong far more often.
These intervals hold the truth at all looks together with 95 %; they are wider.

They are the normal mixture of Robbins (Annals of Mathematical Statistics 1970), applied
to an estimate that becomes normal with more visitors (Waudby-Smith et al., Annals of
Statistics 2024); as a test it is the mSPRT of Johari et al. (Operations Research 2022).
The theory takes the visitors of each look as new ones. Where the same visitors come
back, estimates of two looks are more alike than it assumes, and the error is smaller.
"""

import math

from tronrec.experiment.ratios import Estimate


def interval(estimate: Estimate, level: float, scale: float) -> tuple[float, float]:
    """Return bounds of the logarithm that hold at all looks together.

    Args:
        estimate: What was measured up to this look.
        level: Probability that no look's interval misses the truth.
        scale: Size of the logarithms, as a standard deviation, that the interval is
            tuned to; it is valid for all, and narrow for those of about this size.
    """
    noise, signal = estimate.standard_error**2, scale**2
    if noise == 0:
        return estimate.log, estimate.log
    odds = math.log1p(signal / noise) - 2 * math.log1p(-level)
    radius = math.sqrt(noise * (1 + noise / signal) * odds)
    return estimate.log - radius, estimate.log + radius


def p_value(estimate: Estimate, scale: float) -> float:
    """Return the p-value of this look; the least of all looks so far is valid, too."""
    noise, signal = estimate.standard_error**2, scale**2
    if noise == 0:
        return float(estimate.log == 0)
    evidence = signal * estimate.log**2 / (2 * noise * (noise + signal))
    return math.exp(min(0, math.log1p(signal / noise) / 2 - evidence))
