"""Whether the groups are as large as their weights say.

If not, visitors got lost on the way, seldom the same in each group: a page that is too
slow, a redirect, bots, a log that drops lines. What is left of the groups cannot be
compared (Fabijan et al., KDD 2019).
"""

from collections.abc import Mapping

from scipy.stats import chisquare


def p_value(visitors: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """Return the p-value of numbers as unequal as these, by a chi-squared test.

    Args:
        visitors: Group -> number of visitors.
        weights: Group -> its share, relative to the others'; the same groups.
    """
    total, whole = sum(visitors.values()), sum(weights.values())
    if total == 0 or len(weights) == 1:
        return 1.0
    observed = [visitors[group] for group in weights]
    expected = [total * weight / whole for weight in weights.values()]
    return float(chisquare(observed, expected).pvalue)
