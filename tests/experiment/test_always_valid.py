import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from tronrec.experiment import always_valid
from tronrec.experiment.ratios import Estimate

estimates = st.builds(Estimate, st.floats(-1, 1), st.floats(1e-3, 1, exclude_min=True))
scales = st.floats(0.01, 1)


@given(measured=estimates, scale=scales)
def test_evidence_is_a_mixture_of_likelihood_ratios(measured, scale):
    """1 / p is the likelihood of effects drawn with the scale, by that of no effect."""
    noise = measured.standard_error
    mean = measured.log * scale**2 / (scale**2 + noise**2)
    width = scale * noise / math.hypot(scale, noise)

    def weighted(effect: float) -> float:
        prior = stats.norm.pdf(effect, scale=scale)
        return prior * stats.norm.pdf(measured.log, effect, noise)

    mixture, _ = integrate.quad(weighted, mean - 12 * width, mean + 12 * width)
    none = stats.norm.pdf(measured.log, 0, noise)
    found = always_valid.p_value(measured, scale)
    if none > 1e-200:
        assert found == pytest.approx(min(1, none / mixture), rel=1e-4)


@given(measured=estimates, scale=scales, level=st.floats(0.6, 0.999))
def test_interval_and_p_value_agree(measured, scale, level):
    """The interval's ends are the effects that are just rejected."""
    for end in always_valid.interval(measured, level, scale):
        moved = Estimate(measured.log - end, measured.standard_error)
        assert always_valid.p_value(moved, scale) == pytest.approx(1 - level)


@given(measured=estimates, scale=scales)
def test_they_are_wider_than_those_for_one_look(measured, scale):
    low, high = always_valid.interval(measured, 0.95, scale)
    once_low, once_high = measured.interval(0.95)
    assert low < once_low
    assert once_high < high


def test_many_looks_are_wrong_no_more_often():
    """10,000 looks at a growing mean of noise: 5 % at most ever exclude 0."""
    rng = np.random.default_rng(0)
    looks = 10_000
    ever = once = 0
    for _ in range(400):
        means = rng.normal(size=looks).cumsum() / np.arange(1, looks + 1)
        errors = np.arange(1, looks + 1) ** -0.5
        noise = errors**2
        odds = np.log1p(0.01 / noise) - 2 * math.log(0.05)
        radius = np.sqrt(noise * (1 + noise / 0.01) * odds)
        measured = Estimate(means[-1], errors[-1])
        low, high = always_valid.interval(measured, 0.95, 0.1)
        assert (high - low) / 2 == pytest.approx(radius[-1])
        ever += bool((np.abs(means) > radius).any())
        once += bool((np.abs(means) > 1.96 * errors).any())
    assert ever / 400 < 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)
    assert once / 400 > 0.5


def test_no_noise_leaves_no_doubt():
    assert always_valid.interval(Estimate(0.1, 0), 0.95, 0.1) == (0.1, 0.1)
    assert always_valid.p_value(Estimate(0.1, 0), 0.1) == 0
    assert always_valid.p_value(Estimate(0, 0), 0.1) == 1
