import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.experiment import totals_by_day
from tronrec.experiment.moments import Moments
from tronrec.experiment.totals import VisitorDays, moments_by_day

GROUPS = 3


@st.composite
def visits(draw: st.DrawFn):
    number = draw(st.integers(1, 8))
    group = draw(st.lists(st.integers(0, GROUPS - 1), min_size=number, max_size=number))
    pairs = st.tuples(st.integers(0, number - 1), st.integers(0, 4))
    places = sorted(draw(st.sets(pairs, min_size=1)), key=lambda place: place[1])
    counts = st.lists(st.integers(0, 9), min_size=2, max_size=2)
    rows = [(visitor, day, draw(counts)) for visitor, day in places]
    return rows, group, [[draw(st.integers(0, 9))] for _ in group]


@given(visits=visits())
def test_moments_are_those_of_a_row_for_each_visitor(visits):
    rows, group, before = visits
    found = moments_by_day(
        VisitorDays(
            np.array([visitor for visitor, *_ in rows]),
            np.array([day for _, day, _ in rows]),
            np.array([done for *_, done in rows], float),
            np.array(group),
            np.array(before, float),
        ),
        GROUPS,
    )
    expected = totals_by_day(rows, group, before, GROUPS)
    assert len(found) == len(expected)
    for own, reference in zip(found, expected, strict=True):
        for moments, totals in zip(own, reference, strict=True):
            if len(totals) < 2:
                assert moments is None
                continue
            wanted = Moments.of(np.array(totals))
            assert moments.visitors == wanted.visitors
            assert moments.means == pytest.approx(wanted.means)
            assert moments.covariances == pytest.approx(wanted.covariances, abs=1e-9)


def test_no_rows_have_no_days():
    nothing = np.zeros(0, int)
    rows = VisitorDays(nothing, nothing, np.zeros((0, 2)), nothing, np.zeros((0, 0)))
    assert moments_by_day(rows, 2) == []
