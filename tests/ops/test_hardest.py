"""The best of shared and own candidates are those that sorting finds."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.ops import hardest
from tronrec.ops.hardest import Own, Shared, choose_hardest
from tronrec.ops.topk import lowest

WIDTHS = 0, 1, 200, 255, 256, 257, 1_000, 4_608
DTYPES = torch.int32, torch.float32, torch.bfloat16, torch.float64


def sorted_best(shared, own, target, k, event):
    """Return the items of the best scores of an event, by sorting all of them."""
    scores = shared.scores[event].double().tolist()
    unit, nothing = shared.unit[event].item(), lowest(shared.scores)
    pairs = [
        (np.float32(score) * np.float32(unit), item)
        for score, item in zip(scores, shared.items.tolist(), strict=True)
        if score != nothing and item != target
    ]
    of_event = zip(own.scores[event].tolist(), own.items[event].tolist(), strict=True)
    pairs += [pair for pair in of_event if pair[0] != -torch.inf]
    pairs.sort(reverse=True)
    return [item for _, item in pairs[:k]]


def distinct(events, columns, generator):
    """Return whole numbers of both signs; those of a row all differ."""
    order = [
        torch.randperm(8 * columns + 8, generator=generator) for _ in range(events)
    ]
    return torch.stack(order)[:, :columns] - 4 * columns


@given(
    seed=st.integers(0, 2**32),
    events=st.integers(1, 5),
    width=st.sampled_from(WIDTHS),
    own_width=st.integers(0, 9),
    k=st.integers(1, 120),
    num_items=st.sampled_from([2, 40, 10_000]),
    out=st.sampled_from([0.0, 0.3, 0.99, 1.0]),
    dtype=st.sampled_from(DTYPES),
)
def test_the_best_are_those_of_sorting(  # noqa: PLR0913, PLR0917 - as they are drawn
    seed, events, width, own_width, k, num_items, out, dtype
):
    g = torch.Generator().manual_seed(seed)
    k = min(k, width + own_width)
    if not k:
        return
    whole = distinct(events, width + own_width, g)
    if dtype == torch.bfloat16:  # of which few are whole numbers
        whole = whole % 251 * 3 ** (torch.arange(width + own_width) // 251 % 3)
    scores, own_scores = whole[:, :width].to(dtype), whole[:, width:].float()
    is_out = torch.rand(events, width, generator=g) < out
    scores.masked_fill_(is_out, lowest(scores))
    own_scores.masked_fill_(torch.rand(own_scores.shape, generator=g) < out, -torch.inf)
    unit = torch.tensor([1.0, 0.25, 0.5, 2.0, 8.0])[:events, None]
    items = torch.randint(1, num_items, (width,), generator=g)
    own_items = torch.randint(1, num_items, own_scores.shape, generator=g)
    targets = torch.randint(1, num_items, (events,), generator=g)
    shared, own = Shared(scores, unit, items), Own(own_scores * unit, own_items)
    ranked = [
        sorted_best(shared, own, target, k, event)
        for event, target in enumerate(targets.tolist())
    ]
    kept, masked = choose_hardest(shared, own, targets, k)
    assert kept.shape == masked.shape == (events, k)
    for event, expected in enumerate(ranked):
        found = kept[event][~masked[event]].tolist()
        assert len(found) == len(expected)
        if dtype != torch.bfloat16:
            assert Counter(found) == Counter(expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0, -7, 7])
def test_where_scores_are_alike_any_k_are_kept(dtype, value):
    scores = torch.full((3, 2_000), value, dtype=dtype)
    shared = Shared(scores, torch.ones(3, 1), torch.arange(1, 2_001))
    own = Own(torch.full((3, 4), float(value)), torch.arange(3_000, 3_004).repeat(3, 1))
    kept, masked = choose_hardest(shared, own, torch.tensor([1, 2, 3]), 100)
    assert not masked.any()
    for row, target in zip(kept.tolist(), [1, 2, 3], strict=True):
        assert len(set(row)) == 100 and target not in row


def test_extremes_are_scores_like_others():
    largest = torch.iinfo(torch.int32).max
    scores = torch.zeros(1, 1_024, dtype=torch.int32)
    scores[0, 1_000], scores[0, 3], scores[0, 5] = largest, -largest, -largest - 1
    shared = Shared(scores, torch.ones(1, 1), torch.arange(1, 1_025))
    own = Own(torch.empty(1, 0), torch.empty(1, 0, dtype=torch.int64))
    kept, _ = choose_hardest(shared, own, torch.tensor([2_000]), 1)
    assert kept.tolist() == [[1_001]]
    kept, masked = choose_hardest(shared, own, torch.tensor([2_000]), 1_024)
    assert masked.sum() == 1
    assert 4 in kept[~masked].tolist() and 6 not in kept[~masked].tolist()


def test_the_number_of_threads_changes_nothing(monkeypatch):
    torch.manual_seed(0)
    scores = torch.randint(-9, 9, (50, 3_000), dtype=torch.int32)
    shared = Shared(scores, torch.rand(50, 1), torch.randint(1, 99, (3_000,)))
    own = Own(torch.randn(50, 20), torch.randint(1, 99, (50, 20)))
    targets, found = torch.randint(1, 99, (50,)), []
    for threads in (1, 3, 64):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=threads: count)
        found.append(choose_hardest(shared, own, targets, 30)[0])
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_both_ways_keep_the_same():
    torch.manual_seed(1)
    scores = torch.randn(20, 3_000)
    shared = Shared(scores, torch.rand(20, 1) + 0.1, torch.randint(1, 99, (3_000,)))
    own = Own(torch.randn(20, 30), torch.randint(1, 99, (20, 30)))
    targets = torch.randint(1, 99, (20,))
    compiled = hardest._choose_in_one_pass(shared, own, targets, 50)
    by_torch = hardest._choose_with_torch(shared, own, targets, 50)
    assert torch.equal(compiled[0].sort().values, by_torch[0].sort().values)
