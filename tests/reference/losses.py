"""Losses of one event, from their formulas, in Python floats."""

import math


def sampled_softmax(positive: float, negatives: list[float]) -> float:
    """Return -log(exp(p) / (exp(p) + sum exp(n)))."""
    return math.log(sum(math.exp(n - positive) for n in [positive, *negatives]))
