"""The best candidates of each event, most of which all events share.

Torch takes a pass over all scores for each comparison of them: to mask targets, to find
the k largest of groups and among those, and to join them with an event's own. Compiled
loops read them once on a CPU, and those of a few groups once more.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from tronrec.ops.compiled import arrays_of, compiled, in_parts
from tronrec.ops.largest import BLOCK, LANES, find_maxima, in_order, kth_largest
from tronrec.ops.topk import lowest, topk

BUCKETS = 256
"""Into which maxima are sorted, to find about how large the k-th is."""
SPARE = 8
"""Groups beyond k that are looked at, since of their columns some may be out."""
MANY = 4
"""Times as many groups as are wanted, which are worth finding the k-th exactly."""
LOWEST = np.iinfo(np.int32).min
ALL_BUT_SIGN = np.iinfo(np.int32).max
LOWEST_FLOAT = int(np.float32(-np.inf).view(np.int32)) ^ ALL_BUT_SIGN
"""What -inf is among whole numbers in the order of floats."""


class Shared(NamedTuple):
    """Candidates that all events have."""

    scores: Shaped[Tensor, "events candidates"]
    """In any precision; the lowest value there is, -inf of floats, means: is out. What
    is no number is kept or not."""
    unit: Float[Tensor, "events 1"]
    """What a score of 1 is worth."""
    items: Int[Tensor, "candidates"]


class Own(NamedTuple):
    """Candidates that an event has alone."""

    scores: Float[Tensor, "events own"]
    """-inf: is out."""
    items: Int[Tensor, "events own"]


Hardest = tuple[Int[Tensor, "events k"], Bool[Tensor, "events k"]]
"""Items, and which of them are none: there were too few."""


def choose_hardest(
    shared: Shared, own: Own, targets: Int[Tensor, "events"], k: int
) -> Hardest:
    """Return the k items with the best scores of each event, in no order.

    Args:
        shared: Candidates that all events have. Their scores may be overwritten.
        own: Candidates that an event has alone.
        targets: An item of each event that is not to be among those it shares.
        k: Items of an event, no more than there are candidates in all.
    """
    scores = shared.scores
    if scores.is_cuda or scores.dtype not in {torch.int32, torch.float32}:
        return _choose_with_torch(shared, own, targets, k)
    return _choose_in_one_pass(shared, own, targets, k)


def choose_own(kinds: Sequence[Own], k: int) -> Hardest:
    """Return the k items with the best scores of each event, in no order.

    Args:
        kinds: Candidates that an event has alone.
        k: Items of an event, no more than there are candidates in all.
    """
    scores, items = (torch.cat(parts, 1) for parts in zip(*kinds, strict=True))
    best, column = topk(scores, k)
    return items.gather(1, column), best == -torch.inf


def _choose_with_torch(
    shared: Shared, own: Own, targets: Int[Tensor, "events"], k: int
) -> Hardest:
    scores, unit, items = shared
    nothing = lowest(scores)
    scores.masked_fill_(items == targets[:, None], nothing)
    best, column = topk(scores, min(k, len(items)))
    best = torch.where(best == nothing, -torch.inf, best * unit)
    return choose_own((Own(best, items[column]), own), k)


def _choose_in_one_pass(
    shared: Shared, own: Own, targets: Int[Tensor, "events"], k: int
) -> Hardest:
    scores = shared.scores.contiguous()
    kept = torch.empty(len(scores), k, dtype=torch.int64)
    masked = torch.empty(len(scores), k, dtype=torch.bool)
    given = (
        (scores, scores.view(torch.int32), shared.unit, shared.items),
        own,
        (targets, kept, masked),
    )
    arrays = tuple(arrays_of(*part) for part in given)
    flip = np.int32(ALL_BUT_SIGN if scores.is_floating_point() else 0)
    threads = torch.get_num_threads()
    in_parts(partial(_choose, arrays, k, flip), len(scores), threads)
    return kept, masked


@compiled
def _choose(arrays: Any, k: int, flip: Any, low: int, high: int) -> None:
    """Choose for some events; `flip` as for `in_order`."""
    shared, (own_scores, own_items), (targets, kept, masked) = arrays
    words = shared[1]
    groups = words.shape[1] // BLOCK * LANES
    maxima, counts = np.empty(groups, np.int32), np.empty(BUCKETS, np.int64)
    room = words.shape[1] + own_scores.shape[1]
    found = np.empty(room, np.float32), np.empty(room, np.int64)
    lowest_word = np.int64(LOWEST_FLOAT if flip else LOWEST)
    for event in range(low, high):
        target = targets[event]
        find_maxima(words[event], flip, maxima)
        wanted, count = k + SPARE, 0
        while True:
            least = lowest_word + 1
            if wanted <= groups:
                least = max(least, _reached_by(maxima, wanted, counts))
            reach = flip, least
            count = _collect(shared, (event, target), reach, maxima, found)
            if count >= k or wanted > groups:
                break
            wanted *= 2
        for number in range(own_scores.shape[1]):
            if own_scores[event, number] > -np.inf:
                found[0][count] = own_scores[event, number]
                found[1][count] = own_items[event, number]
                count += 1
        count = _keep(found, count, kept[event])
        kept[event, count:], masked[event, :count] = target, False
        masked[event, count:] = True


@compiled
def _reached_by(maxima: Any, wanted: int, counts: Any) -> Any:
    """Return a number that as many maxima as are wanted reach, and few more."""
    least, most = np.int64(maxima.min()), np.int64(maxima.max())
    shift = 0
    while (most - least) >> shift >= BUCKETS:
        shift += 1
    counts[:] = 0
    for value in maxima:
        counts[(np.int64(value) - least) >> shift] += 1
    bucket, reached = BUCKETS, 0
    while reached < wanted:
        bucket -= 1
        reached += counts[bucket]
    if reached > MANY * wanted:  # most are in one bucket, and few far from them
        return np.int64(kth_largest(maxima.copy(), wanted))
    return least + (np.int64(bucket) << shift)


@compiled
def _collect(shared: Any, of: Any, reach: Any, maxima: Any, found: Any) -> int:
    """Write down scores that reach the least and are not out; return their number."""
    scores, words, unit, items = shared
    (event, target), (flip, least) = of, reach
    width, count = words.shape[1], 0
    for group in range(len(maxima) + 1):
        block = group // LANES
        begin, end, step = block * BLOCK + group % LANES, (block + 1) * BLOCK, LANES
        if group == len(maxima):
            begin, end, step = block * BLOCK, width, 1  # what no block is filled with
        elif maxima[group] < least:
            continue
        for column in range(begin, end, step):
            reached = in_order(words[event, column], flip) >= least
            if reached and items[column] != target:
                score = np.float32(scores[event, column]) * unit[event, 0]
                if score > -np.inf:
                    found[0][count], found[1][count] = score, items[column]
                    count += 1
    return count


@compiled
def _keep(found: Any, count: int, kept: Any) -> int:
    """Write the items of the best scores to `kept`; return how many there are."""
    scores, items = found
    k = min(len(kept), count)
    if k == 0:
        return 0
    least, place = kth_largest(scores[:count].copy(), k), 0
    for number in range(count):
        if scores[number] > least:
            kept[place] = items[number]
            place += 1
    for number in range(count):
        if scores[number] == least and place < k:
            kept[place] = items[number]
            place += 1
    return k
