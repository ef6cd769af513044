"""Losses of one event, from their formulas, in Python floats."""

import math


def sampled_softmax(positive: float, negatives: list[float]) -> float:
    """Return -log(exp(p) / (exp(p) + sum exp(n)))."""
    return math.log(sum(math.exp(n - positive) for n in [positive, *negatives]))


def bce(positive: float, negatives: list[float]) -> float:
    """Return -log sigmoid(p) - mean log(1 - sigmoid(n))."""
    wrong = [-math.log(1 - sigmoid(n)) for n in negatives]
    return -math.log(sigmoid(positive)) + sum(wrong) / max(1, len(wrong))


def bpr_max(positive: float, negatives: list[float], penalty: float) -> float:
    """Return -log sum s_j sigmoid(p - n_j) + penalty sum s_j n_j^2, s = softmax(n)."""
    if not negatives:
        return 0.0
    total = sum(math.exp(n) for n in negatives)
    weights = [math.exp(n) / total for n in negatives]
    better = sum(
        w * sigmoid(positive - n) for w, n in zip(weights, negatives, strict=True)
    )
    size = sum(w * n * n for w, n in zip(weights, negatives, strict=True))
    return -math.log(better) + penalty * size


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
