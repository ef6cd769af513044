import math

import numpy as np
import pytest
from scipy.stats import norm

from tronrec.experiment.moments import Moments
from tronrec.experiment.ratios import Ratio, compare
from tronrec.experiment.sample_size import Aim, days_needed, visitors_needed

CLICKS = Ratio(0, 1)


def test_numbers_are_those_of_the_textbook():
    needed = visitors_needed(4.0, Aim(0.1))
    expected = 2 * 4 * (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 / math.log(1.1) ** 2
    assert needed == pytest.approx(expected, rel=1e-3)
    one_to_three = visitors_needed(4.0, Aim(0.1), quotient=3)
    assert one_to_three == pytest.approx(expected / 2 * (1 + 1 / 3), rel=1e-3)


def test_the_power_is_what_was_asked_for():
    """Tests with the uplift and so many visitors find it in four of five cases."""
    rng = np.random.default_rng(0)

    def draw(number: int, share: float) -> Moments:
        impressions = 1 + rng.poisson(3 * rng.exponential(1, number))
        keenness = rng.uniform(0.2, 1.8, number)
        clicks = rng.binomial(impressions, share * keenness)
        return Moments.of(np.stack([clicks, impressions], 1).astype(float))

    variance = CLICKS.relative_variance(draw(100_000, 0.1))
    number = round(visitors_needed(variance, Aim(0.2)))
    found = [
        compare(draw(number, 0.1), draw(number, 0.12), CLICKS).p_value() < 0.05
        for _ in range(600)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def log_of(days: int, a_day: int) -> list[Moments]:
    """New visitors every day, who come once."""
    covariances = np.diag([0.1, 0.0])
    return [
        Moments(a_day * day, np.array([0.1, 1]), covariances)
        for day in range(1, days + 1)
    ]


@pytest.mark.parametrize("days", [1, 2, 7, 30])
def test_days_are_those_until_there_are_enough_visitors(days):
    aim = Aim(0.05)
    needed = visitors_needed(0.1 / 0.01, aim)
    found = days_needed(log_of(days, 1000), CLICKS, aim, share=0.25)
    assert found == pytest.approx(math.ceil(needed / 250), abs=1)
    easy = Aim(0.5)
    assert days_needed(log_of(30, 10_000), CLICKS, easy, share=0.5) == 1
