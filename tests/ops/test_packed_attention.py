"""Attention over pairs of packed rows is what its formula says, row by row."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.models.attention import BlockAttention, PairAttention
from tronrec.models.layout import Layout
from tronrec.ops import packed_attention as module
from tronrec.ops.packed_attention import Pairs, packed_attention

lengths = st.lists(st.integers(1, 12), min_size=1, max_size=9)


def layout_of(lengths):
    """Return the layout of sessions of these lengths."""
    session = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    position = torch.cat([torch.arange(length) for length in lengths])
    return Layout(session, position, max(lengths))


def random_rows(layout, heads, size, dtype=torch.float64):
    return torch.randn(len(layout.session), 3, heads, size, dtype=dtype)


def by_definition(rows, session):
    """Return softmax(q · k / sqrt(size)) v over the earlier rows of a row's session."""
    found = torch.zeros_like(rows[:, 0])
    for row, number in enumerate(session.tolist()):
        earlier = [j for j in range(row + 1) if session[j] == number]
        for head in range(rows.shape[2]):
            query, keys = rows[row, 0, head], rows[earlier, 1, head]
            scores = [math.exp(query @ key / math.sqrt(len(query))) for key in keys]
            for j, score in zip(earlier, scores, strict=True):
                found[row, head] += score / sum(scores) * rows[j, 2, head]
    return found


@given(lengths, st.integers(1, 3), st.sampled_from([1, 4, 17]), st.integers(0, 2**32))
def test_rows_attend_to_earlier_ones_of_their_session(lengths, heads, size, seed):
    torch.manual_seed(seed)
    layout = layout_of(lengths)
    rows = random_rows(layout, heads, size)
    found = packed_attention(rows, Pairs.of(layout.session))
    torch.testing.assert_close(found, by_definition(rows, layout.session))


@given(lengths, st.integers(1, 2), st.sampled_from([1, 8]), st.integers(0, 2**32))
def test_both_ways_give_the_same_sums_and_gradients(lengths, heads, size, seed):
    torch.manual_seed(seed)
    layout = layout_of(lengths)
    rows, found = random_rows(layout, heads, size), []
    weights = torch.randn(len(rows), heads * size, dtype=torch.float64)
    for way in (PairAttention(layout), BlockAttention(layout)):
        own = rows.clone().requires_grad_()
        sums = way.attend(own, 0.0)
        (sums * weights).sum().backward()
        found.append((sums.detach(), own.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dropped", [0, 80])
def test_gradients_match_differences(dropped):
    layout = layout_of([3, 1, 5, 2])
    rows = random_rows(layout, 2, 3).requires_grad_()

    def attend(rows):
        torch.manual_seed(1)
        return packed_attention(rows, Pairs.of(layout.session), dropped)

    assert torch.autograd.gradcheck(attend, (rows,))


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    layout = layout_of([40] * 50)
    rows = torch.zeros(2000, 3, 1, 1)
    rows[:, 2] = 1  # sums of what is left of the weights
    found = packed_attention(rows, Pairs.of(layout.session), 64)
    assert found.mean() == pytest.approx(1, abs=0.02)
    first = found[::40].flatten()  # a row that sees itself alone
    assert set(first.tolist()) == {0, float(np.float32(256 / 192))}
    assert (packed_attention(rows, Pairs.of(layout.session)) - 1).abs().max() < 1e-6


def test_draws_follow_the_seed():
    layout = layout_of([9, 4, 7])
    rows, found = random_rows(layout, 1, 4), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found += [
            packed_attention(rows, Pairs.of(layout.session), 128) for _ in range(2)
        ]
    first, second, again, _, other, _ = found
    assert torch.equal(first, again)
    assert not torch.equal(first, second) and not torch.equal(first, other)


@pytest.mark.parametrize("dropped", [0, 80])
def test_the_number_of_threads_changes_no_bit(dropped, monkeypatch):
    monkeypatch.setattr(module, "SHARE", 1)
    layout = layout_of([1, 30, 2, 7, 1, 1, 12])
    rows, found = random_rows(layout, 2, 5, torch.float32), []
    for threads in (1, 2, 3, 20):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=threads: count)
        torch.manual_seed(0)
        own = rows.clone().requires_grad_()
        sums = packed_attention(own, Pairs.of(layout.session), dropped)
        sums.square().sum().backward()
        found.append((sums, own.grad))
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


def test_no_rows_attend_to_nothing():
    rows = torch.empty(0, 3, 2, 4, requires_grad=True)
    found = packed_attention(rows, Pairs.of(torch.empty(0, dtype=torch.int64)))
    found.sum().backward()
    assert found.shape == (0, 2, 4) and rows.grad.shape == rows.shape
