import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.data.session_sample import (
    PAIRS,
    describe_sample,
    draw_sessions,
    number_events,
    sample_sessions,
    sample_validation,
    validation_size,
)


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 15) | st.none())
def test_a_sample_is_some_of_the_sessions_in_their_order(seed, total, count):
    packed = random_sessions(seed, sessions=total, num_items=9, longest=6)
    every = np.split(packed.items, packed.offsets[1:-1])
    drawn = draw_sessions(total, count)
    sample = sample_sessions(packed, count)
    assert len(drawn) == len(sample) == min(total, count or total)
    assert (np.diff(drawn) > 0).all()
    found = np.split(sample.items, sample.offsets[1:-1])
    for number, session in zip(drawn, found, strict=True):
        assert session.tolist() == every[number].tolist()
    events = [n for n in drawn for _ in range(len(every[n]) - 1)]
    assert number_events(packed, count).tolist() == events


def test_every_system_has_the_same_sample_and_every_session_its_chance():
    assert draw_sessions(1000, 100).tolist() == draw_sessions(1000, 100).tolist()
    tenths = np.bincount(draw_sessions(100_000, 10_000) // 10_000)
    assert (abs(tenths - 1000) < 5 * np.sqrt(900)).all()


@given(*[st.integers(1, 10**8)] * 3)
def test_validation_is_whole_up_to_so_many_pairs(sessions, events, items):
    clicks = sessions + sessions * (events % 50 + 1)
    size = validation_size(None, sessions=sessions, clicks=clicks, items=items)
    pairs = (clicks - sessions) * items
    assert (size == sessions) == (pairs <= PAIRS or sessions == 1)
    assert size == 1 or size * pairs <= PAIRS * sessions or pairs <= PAIRS
    assert size == 1 or (size + 1) * pairs > PAIRS * sessions or size == sessions
    stated = validation_size(7, sessions=sessions, clicks=clicks, items=items)
    assert stated == min(7, sessions)


def test_nothing_held_out_is_nothing_measured():
    assert validation_size(None, sessions=0, clicks=0, items=9) == 0
    assert validation_size(5, sessions=0, clicks=0, items=9) == 0


@pytest.mark.parametrize("stated", [None, 4])
def test_a_sample_of_the_held_out_is_said(stated, caplog):
    packed = random_sessions(0, sessions=9, num_items=9, longest=6)
    with caplog.at_level(logging.INFO, "tronrec"):
        measured = sample_validation(packed, stated, 9)
    assert len(measured) == (stated or 9)
    assert bool(caplog.messages) == (stated is not None)


def test_words():
    assert describe_sample(7, 7, "test") == "7 test sessions"
    words = describe_sample(1_000, 20_000, "held-out")
    assert words == "1,000 held-out sessions, drawn at random from 20,000"
