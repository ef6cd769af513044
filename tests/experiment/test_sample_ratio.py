import pytest
from scipy.stats import binomtest

from tronrec.experiment import sample_ratio


def test_two_groups_are_nearly_a_binomial_test():
    found = sample_ratio.p_value({"a": 50_400, "b": 49_600}, {"a": 1, "b": 1})
    exact = binomtest(50_400, 100_000).pvalue
    assert found == pytest.approx(exact, rel=0.02)


def test_weights_say_what_is_expected():
    visitors = {"a": 75_000, "b": 25_000}
    assert sample_ratio.p_value(visitors, {"b": 0.1, "a": 0.3}) == pytest.approx(1)
    assert sample_ratio.p_value(visitors, {"a": 1, "b": 1}) < 1e-9


def test_a_group_that_nobody_is_in_is_noticed():
    weights = {"a": 1, "b": 1, "c": 1}
    assert sample_ratio.p_value({"a": 500, "b": 500, "c": 0}, weights) < 1e-9


def test_nothing_to_divide_is_no_mismatch():
    assert sample_ratio.p_value({"a": 0, "b": 0}, {"a": 1, "b": 1}) == 1
    assert sample_ratio.p_value({"a": 5}, {"a": 1}) == 1
