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
        if dtype in {torch.int32, torch.float32}:
            assert (kept[event][masked[event]] == targets[event]).all()
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


NO_OWN = Own(torch.empty(1, 0), torch.empty(1, 0, dtype=torch.int64))


def best_of(scores, items, k, target=0):
    """Return the items kept of one event that has no candidates of its own."""
    shared = Shared(torch.as_tensor(scores)[None], torch.ones(1, 1), items)
    kept, masked = choose_hardest(shared, NO_OWN, torch.tensor([target]), k)
    assert not masked.any()
    return sorted(kept[0].tolist())


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_a_target_with_all_of_the_best_columns_is_replaced(dtype):
    scores, items = torch.arange(4_608, 0, -1, dtype=dtype), torch.arange(2, 4_610)
    items[:3_000] = 1
    assert best_of(scores, items, 10, target=1) == list(range(3_002, 3_012))


def test_negative_floats_are_in_their_order():
    numbers = torch.arange(1, 4_609)
    assert best_of(-numbers.float(), numbers, 10) == list(range(1, 11))


@pytest.mark.parametrize("outlier", [-(2**31) + 1, 2**31 - 1, 40_000, 256, 255])
def test_an_outlier_changes_nothing_for_the_others(outlier):
    scores, items = torch.arange(4_608, dtype=torch.int32), torch.arange(1, 4_609)
    scores[7] = outlier
    expected = items[scores.argsort(descending=True)[:10]].sort().values
    assert best_of(scores, items, 10) == expected.tolist()


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=300), st.data())
def test_as_many_as_are_wanted_reach_it_and_few_more(numbers, data):
    wanted = data.draw(st.integers(1, len(numbers)))
    maxima, counts = np.array(numbers, np.int32), np.empty(hardest.BUCKETS, np.int64)
    least = hardest._reached_by(maxima.copy(), wanted, counts)
    reached, exact = (maxima >= least).sum(), np.sort(maxima)[-wanted]
    assert wanted <= reached
    assert reached <= max(hardest.MANY * wanted, (maxima >= exact).sum())


@pytest.mark.parametrize(("most", "expected"), [(255, 255), (256, 256), (511, 510)])
def test_the_edges_of_buckets(most, expected):
    maxima, counts = np.array([0, most], np.int32), np.empty(hardest.BUCKETS, np.int64)
    assert hardest._reached_by(maxima, 1, counts) == expected


def test_the_order_of_memory_does_not_matter():
    torch.manual_seed(2)
    scores = torch.randint(-9_999, 9_999, (3_000, 4), dtype=torch.int32).T
    unit, items = torch.tensor([[0.5]]).expand(4, 1), torch.randperm(3_000) + 1
    own = Own(torch.randn(9, 4).T, torch.randint(1, 99, (9, 4)).T)
    targets = items[:8:2]
    found = choose_hardest(Shared(scores, unit, items), own, targets, 50)
    parts = (part.contiguous() for part in own)
    shared = Shared(scores.contiguous(), unit.contiguous(), items.contiguous())
    expected = choose_hardest(shared, Own(*parts), targets.contiguous(), 50)
    assert torch.equal(found[0], expected[0])


def test_extremes_are_scores_like_others():
    largest = torch.iinfo(torch.int32).max
    scores = torch.zeros(1, 1_024, dtype=torch.int32)
    scores[0, 1_000], scores[0, 3], scores[0, 5] = largest, -largest, -largest - 1
    shared = Shared(scores, torch.ones(1, 1), torch.arange(1, 1_025))
    kept, _ = choose_hardest(shared, NO_OWN, torch.tensor([2_000]), 1)
    assert kept.tolist() == [[1_001]]
    kept, masked = choose_hardest(shared, NO_OWN, torch.tensor([2_000]), 1_024)
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


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_both_ways_keep_the_same(dtype):
    torch.manual_seed(1)
    scores = (1e8 * torch.randn(20, 3_000)).to(dtype)
    scores[torch.rand(20, 3_000) < 0.98] = lowest(scores)
    unit = 1e-8 * torch.rand(20, 1) + 1e-9
    shared = Shared(scores, unit, torch.randint(1, 99, (3_000,)))
    own = Own(torch.randn(20, 30), torch.randint(1, 99, (20, 30)))
    targets = torch.randint(1, 99, (20,))
    for k in (20, 80):
        (ours, out), (theirs, out_there) = (
            way(shared._replace(scores=scores.clone()), own, targets, k)
            for way in (hardest._choose_in_one_pass, hardest._choose_with_torch)
        )
        assert torch.equal(out.sum(1), out_there.sum(1))
        for event in range(20):
            kept, expected = ours[event][~out[event]], theirs[event][~out_there[event]]
            assert torch.equal(kept.sort().values, expected.sort().values)
