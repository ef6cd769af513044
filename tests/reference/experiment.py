"""The statistics of an experiment, written out visitor by visitor."""

from collections.abc import Iterable

import numpy as np


def bootstrap_uplifts(
    control: np.ndarray,
    treated: np.ndarray,
    *,
    resamples: int,
    seed: int = 0,
) -> np.ndarray:
    """Return the uplift for each draw of as many visitors as there are.

    Each group is an array of two columns: a visitor's numerator and denominator.
    """
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        ratios = []
        for group in (treated, control):
            drawn = generator.integers(len(group), size=len(group))
            weights = np.bincount(drawn, minlength=len(group)).astype(float)
            numerator, denominator = weights @ group
            ratios.append(numerator / denominator)
        found.append(ratios[0] / ratios[1] - 1)
    return np.array(found)


def linearised_error(control: np.ndarray, treated: np.ndarray) -> float:
    """Return the standard error of the log uplift, from one number for each visitor."""
    variance = 0.0
    for group in (treated, control):
        ratio = group[:, 0].sum() / group[:, 1].sum()
        linear = (group[:, 0] - ratio * group[:, 1]) / (ratio * group[:, 1].mean())
        variance += linear.var(ddof=1) / len(group)
    return variance**0.5


def totals_by_day(
    rows: Iterable[tuple[int, int, list[float]]],
    group: list[int],
    before: list[list[float]],
    groups: int,
) -> list[list[list[list[float]]]]:
    """Return for each day and group a row for each visitor who has come by then."""
    rows = list(rows)
    found = []
    for day in range(max(day for _, day, _ in rows) + 1):
        sums: dict[int, list[float]] = {}
        for visitor, when, done in rows:
            if when <= day:
                old = sums.get(visitor, [0.0] * len(done))
                sums[visitor] = [a + b for a, b in zip(old, done, strict=True)]
        found.append(
            [
                [
                    [1.0, *total, *before[visitor]]
                    for visitor, total in sums.items()
                    if group[visitor] == number
                ]
                for number in range(groups)
            ]
        )
    return found
