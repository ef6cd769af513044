"""The border before a share of sessions, whatever bins they are counted in."""

from datetime import timedelta
from fractions import Fraction
from math import ceil
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.clicks import EPOCH, Click, Log, table
from tronrec.data import borders
from tronrec.params import SplittingParams
from tronrec.params.splitting import Length


def begun_at(microseconds: list[int]) -> Log:
    """Sessions of one click each."""
    return [
        Click(session, 1, EPOCH + timedelta(microseconds=moment))
        for session, moment in enumerate(sorted(microseconds))
    ]


@given(
    moments=st.lists(
        st.integers(0, 20) | st.integers(0, 10**15), min_size=1, max_size=30
    ),
    share=st.integers(1, 99),
    bins=st.sampled_from([2, 3, 7, 1 << 16]),
)
def test_the_border_is_at_the_newest_share(
    moments: list[int], share: int, bins: int
) -> None:
    params = SplittingParams(test_days=None, test_share=share / 100)
    with patch.object(borders, "BINS", bins):
        border = borders.find_border(table(begun_at(moments)), params, "test")
    number = ceil(Fraction(share, 100) * len(moments))
    begin = sorted(moments, reverse=True)[number - 1]
    assert border.begin == EPOCH + timedelta(microseconds=begin)


@pytest.mark.parametrize(
    ("share", "sessions", "number"),
    [(0.07, 100, 7), (0.1, 30, 3), (0.1, 31, 4), (1e-9, 5, 1), (0.999, 5, 5)],
)
def test_a_share_is_not_rounded_as_a_float_is(
    share: float, sessions: int, number: int
) -> None:
    length = Length("test_share", share, is_share=True)
    assert borders.sessions_of_share(length, sessions) == number
