"""Uplifts and their intervals, against bootstrap, libraries and written-out sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from reference.experiment import bootstrap_uplifts, linearised_error
from tronrec.experiment.moments import Moments
from tronrec.experiment.ratios import Ratio, compare, estimate

CLICKS = Ratio(0, 1)


def visitors(seed: int, number: int, share: float) -> np.ndarray:
    """Clicks and impressions of visitors who differ in both."""
    rng = np.random.default_rng(seed)
    impressions = 1 + rng.poisson(5 * rng.exponential(1, number))
    clicks = rng.binomial(impressions, share * rng.uniform(0.2, 1.8, number))
    return np.stack([clicks, impressions], 1).astype(float)


CONTROL, TREATED = visitors(0, 4000, 0.1), visitors(1, 3000, 0.12)


def test_intervals_are_those_of_a_bootstrap_over_visitors():
    found = compare(Moments.of(CONTROL), Moments.of(TREATED), CLICKS)
    drawn = bootstrap_uplifts(CONTROL, TREATED, resamples=10_000)
    low, high = np.expm1(found.interval(0.95))
    expected = np.quantile(drawn, [0.025, 0.975])
    assert high - low == pytest.approx(np.ptp(expected), rel=0.03)
    assert [low, high] == pytest.approx(expected, abs=0.03 * np.ptp(expected))
    assert found.uplift == pytest.approx(
        TREATED[:, 0].sum()
        / TREATED[:, 1].sum()
        / (CONTROL[:, 0].sum() / CONTROL[:, 1].sum())
        - 1
    )


def test_the_error_is_that_of_one_number_for_each_visitor():
    found = compare(Moments.of(CONTROL), Moments.of(TREATED), CLICKS)
    assert found.standard_error == pytest.approx(linearised_error(CONTROL, TREATED))


def test_shares_are_compared_as_statsmodels_does():
    """Where every visitor counts once and does it or not, Katz's interval."""
    rng = np.random.default_rng(0)
    done = [rng.random(n) < p for n, p in ((5000, 0.3), (7000, 0.33))]
    control, treated = (
        Moments.of(np.stack([own, np.ones(len(own))], 1)) for own in done
    )
    found = compare(control, treated, CLICKS)
    low, high = confint_proportions_2indep(
        done[1].sum(), 7000, done[0].sum(), 5000, compare="ratio", method="log"
    )
    assert np.exp(found.interval(0.95)) == pytest.approx([low, high], rel=1e-4)


def test_p_values_are_those_of_a_z_test():
    found = compare(Moments.of(CONTROL), Moments.of(TREATED), CLICKS)
    score = found.log / found.standard_error
    assert found.p_value() == pytest.approx(stats.chi2.sf(score**2, 1))


def test_groups_that_change_places_change_the_sign_only():
    there = compare(Moments.of(CONTROL), Moments.of(TREATED), CLICKS)
    back = compare(Moments.of(TREATED), Moments.of(CONTROL), CLICKS)
    assert back.log == pytest.approx(-there.log)
    assert back.standard_error == pytest.approx(there.standard_error)


def test_events_of_a_visitor_are_no_independent_ones():
    """A visitor's events ten times over tell nothing more."""
    ten = compare(Moments.of(10 * CONTROL), Moments.of(10 * TREATED), CLICKS)
    one = compare(Moments.of(CONTROL), Moments.of(TREATED), CLICKS)
    assert ten.standard_error == pytest.approx(one.standard_error)


def test_nothing_done_has_no_ratio():
    nobody = Moments.of(CONTROL * [0, 1])
    assert compare(nobody, Moments.of(TREATED), CLICKS) is None
    assert compare(Moments.of(TREATED), nobody, CLICKS) is None
    assert estimate(nobody, CLICKS) is None


def test_the_ratio_of_one_group():
    found = estimate(Moments.of(CONTROL), CLICKS)
    assert found.value == pytest.approx(CONTROL[:, 0].sum() / CONTROL[:, 1].sum())
    drawn = bootstrap_uplifts(np.ones((2, 2)), CONTROL, resamples=4000) + 1
    assert found.standard_error == pytest.approx(np.log(drawn).std(), rel=0.04)


@given(
    totals=st.lists(
        st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=2, max_size=50
    )
)
def test_moments_from_sums_are_those_of_rows(totals):
    rows = np.array(totals, float)
    sums = Moments.from_sums(len(rows), rows.sum(0), rows.T @ rows)
    expected = Moments.of(rows)
    assert sums.means == pytest.approx(expected.means)
    assert sums.covariances == pytest.approx(np.cov(rows.T), abs=1e-6)
    assert sums.covariances == pytest.approx(expected.covariances, abs=1e-6)


def with_past(seed: int, number: int, share: float) -> np.ndarray:
    """Visitors' clicks and impressions in the test, then before it."""
    rng = np.random.default_rng(seed)
    interest, keenness = rng.exponential(1, number), rng.uniform(0.1, 1.9, number)
    columns = []
    for own in (share, 0.1):
        impressions = 1 + rng.poisson(9 * interest)
        columns += [rng.binomial(impressions, own * keenness), impressions]
    return np.stack(columns, 1).astype(float)


def test_what_visitors_brought_along_is_taken_out():
    """The variance left is that of residuals of a regression on the covariates."""
    control, treated = with_past(0, 4000, 0.1), with_past(1, 3000, 0.12)
    moments = Moments.of(control), Moments.of(treated)
    found = compare(*moments, CLICKS, covariates=(2, 3))
    plain = compare(*moments, CLICKS)
    assert found.standard_error < 0.95 * plain.standard_error

    linear, past = [], []
    for group in (treated, control):
        ratio = group[:, 0].sum() / group[:, 1].sum()
        weight = len(group) ** -0.5  # each group's variance, by its visitors
        own = (group[:, 0] - ratio * group[:, 1]) / (ratio * group[:, 1].mean())
        linear.append(own * weight)
        past.append((group[:, 2:] - group[:, 2:].mean(0)) * weight)
    # least squares over both groups, each row weighted as in the variance of the sum
    scale = [1 / (len(group) - 1) ** 0.5 for group in (treated, control)]
    x = np.concatenate([p * s for p, s in zip(past, scale, strict=True)])
    y = np.concatenate([v * s for v, s in zip(linear, scale, strict=True)])
    slopes, residual, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert found.standard_error == pytest.approx(residual[0] ** 0.5)
    shift = slopes @ (treated[:, 2:].mean(0) - control[:, 2:].mean(0))
    assert found.log == pytest.approx(plain.log - shift)


def test_covariates_that_tell_nothing_change_nothing():
    rows = [np.pad(own, ((0, 0), (0, 1))) for own in (CONTROL, TREATED)]
    moments = tuple(map(Moments.of, rows))
    plain, found = (compare(*moments, CLICKS, own) for own in ((), (2,)))
    assert (found.log, found.standard_error) == pytest.approx(
        (plain.log, plain.standard_error)
    )
