"""What the analysis keeps of a group's visitors, however many there are.

Visitors decide independently of each other; what one visitor does on two occasions is
not independent. So the visitor is the unit of chance: all statistics start from one row
a visitor, what the visitor did in total. Ratios, intervals and tests then need no more
of the rows than their number, means and covariances.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, "totals"]
Matrix = Float[np.ndarray, "totals totals"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Number, means and unbiased covariances of the totals of a group's visitors."""

    visitors: int
    means: Vector
    covariances: Matrix

    @classmethod
    def of(cls, totals: Float[np.ndarray, "visitors totals"]) -> Self:
        """Return the moments of at least two visitors."""
        means = totals.mean(0)
        centred = totals - means
        return cls(len(totals), means, centred.T @ centred / (len(totals) - 1))

    @classmethod
    def from_sums(cls, visitors: int, sums: Vector, products: Matrix) -> Self:
        """Return the moments of at least two visitors from sums over them.

        Args:
            visitors: Their number.
            sums: Of each total.
            products: Of each two totals' product.
        """
        means = sums / visitors
        centred = products - visitors * np.outer(means, means)
        return cls(visitors, means, centred / (visitors - 1))
