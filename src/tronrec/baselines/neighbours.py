"""Recommenders that count what was clicked together: strong, and learned in seconds.

Each gives every event a sparse row of scores or ranks, a column for each item number
(see `tronrec.baselines.sparse`).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from tronrec.baselines.sparse import rank_rows
from tronrec.data.packed import PackedSessions

REACH = 10
"""Clicks before an event that are looked at, and steps between two clicks of a rule."""
LEARNED = 20_000_000
"""Clicks that are counted: the newest."""
RECENT = 500
"""Sessions of an item that may be neighbours: the newest."""
NEIGHBOURS = 100
"""Neighbours of a session."""
NEWER = 1e-6
"""What the newest session is more similar than the oldest: it decides ties."""
PART = 2_048
"""Events scored at once; changes memory, never the result."""


class Before(NamedTuple):
    """Clicks before some events: of which event, on which item, how many steps ago."""

    event: Int[np.ndarray, "clicks"]
    item: Int[np.ndarray, "clicks"]
    steps: Int[np.ndarray, "clicks"]


def clicks_before(sessions: PackedSessions, reach: int) -> Iterator[tuple[int, Before]]:
    """Yield parts of all events: their number, and their last `reach` clicks before."""
    start = np.asarray(sessions.offsets)[sessions.session_of_target]
    last = np.delete(np.arange(len(sessions.items)), sessions.offsets[1:] - 1)
    for low in range(0, len(last), PART):
        clicks, first = last[low : low + PART, None], start[low : low + PART, None]
        back = np.arange(reach)
        event, steps = np.nonzero((clicks - back) >= first)
        item = np.asarray(sessions.items)[clicks[event, 0] - steps]
        yield len(clicks), Before(event, item, steps + 1)


def sequential_rules(sessions: PackedSessions, num_items: int) -> csr_array:
    """Return, for each item, what followed it within `REACH` clicks.

    Each time counts as one by the number of steps (Ludewig and Jannach, 2018).
    """
    return _pairs(sessions, num_items, lambda steps: 1 / steps)


def item_neighbours(sessions: PackedSessions, num_items: int) -> csr_array:
    """Return, for each item, those clicked within `REACH` clicks, by their cosine.

    The times that two items came together, by the root of the clicks on each.
    """
    after = _pairs(sessions, num_items, lambda steps: 1.0)
    both = csr_array(after + after.T)
    clicks = np.bincount(_newest(sessions).items, minlength=num_items + 1)
    item = np.repeat(np.arange(num_items + 1), np.diff(both.indptr))
    both.data /= np.sqrt(clicks[item] * clicks[both.indices])
    return both


def _newest(sessions: PackedSessions) -> PackedSessions:
    """Return the newest sessions, of `LEARNED` clicks at most."""
    surplus = max(0, len(sessions.items) - LEARNED)
    first = int(np.searchsorted(sessions.offsets, surplus))
    begin = sessions.offsets[first]
    return PackedSessions(sessions.items[begin:], sessions.offsets[first:] - begin)


def _pairs(
    sessions: PackedSessions, num_items: int, weight: Callable[[int], float]
) -> csr_array:
    """Sum `weight(steps)` of all pairs of an item and a later one, `steps` after it."""
    sessions = _newest(sessions)
    session_of_click = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    items, shape = np.asarray(sessions.items), (num_items + 1, num_items + 1)
    total = csr_array(shape)
    for steps in range(1, REACH + 1):
        first, second = items[:-steps], items[steps:]
        pair = (session_of_click[:-steps] == session_of_click[steps:]) & (
            first != second
        )
        weights = np.full(pair.sum(), weight(steps))
        total = total + csr_array((weights, (first[pair], second[pair])), shape)
    return total


def rank_after_last(
    scores: csr_array, sessions: PackedSessions, depth: int
) -> Iterator[csr_array]:
    """Yield the ranks in the row of the item clicked last, for parts of all events."""
    ranks = rank_rows(scores, depth)
    for _, before in clicks_before(sessions, reach=1):
        yield ranks[before.item]


def rank_session_items(
    popularity: Int[np.ndarray, "rows"], sessions: PackedSessions, depth: int
) -> Iterator[csr_array]:
    """Yield the ranks of the items that the session clicked on, most often first.

    Ties go to the more popular.
    """
    share = popularity / (1 + popularity.max())
    for events, (event, item, _) in clicks_before(sessions, reach=5 * REACH):
        shape = (events, len(popularity))
        scores = csr_array((np.ones(len(event)), (event, item)), shape)
        scores.data += share[scores.indices]
        yield rank_rows(scores, depth)


def rank_by_neighbours(
    learned: PackedSessions, num_items: int, sessions: PackedSessions, depth: int
) -> Iterator[csr_array]:
    """Yield the ranks that V-SkNN gives (Ludewig and Jannach, 2018).

    A session of the past is as similar as the weights of the items in common are large,
    which fall linearly from 1 at the last click. An item scores the similarity of those
    of the best `NEIGHBOURS` sessions that clicked on it.
    """
    learned = _newest(learned)
    session_of_click = np.repeat(np.arange(len(learned)), np.diff(learned.offsets))
    pairs = np.unique(np.stack([learned.items, session_of_click], 1), axis=0)
    clicked = csr_array(
        (np.ones(len(pairs)), (pairs[:, 1], pairs[:, 0])),
        (len(learned), num_items + 1),
    )
    index = _last_entries(csr_array(clicked.T))
    for events, before in clicks_before(sessions, REACH):
        key = before.event * (num_items + 1) + before.item
        latest = np.lexsort((before.steps, key))
        latest = latest[np.diff(key[latest], prepend=-1) > 0]
        event, item, steps = (column[latest] for column in before)
        weights = 1 - (steps - 1) / REACH
        asked = csr_array((weights, (event, item)), (events, num_items + 1))
        similar = csr_array(asked @ index)
        similar.data += similar.indices * (NEWER / len(learned))
        yield rank_rows(csr_array(_largest(similar) @ clicked), depth)


def _last_entries(rows: csr_array) -> csr_array:
    """Return the last `RECENT` entries of each row."""
    rows.sort_indices()
    length = np.diff(rows.indptr)
    left = np.repeat(rows.indptr[1:], length) - np.arange(rows.nnz)
    return _keep(rows, left <= RECENT)


def _largest(rows: csr_array) -> csr_array:
    """Return the `NEIGHBOURS` largest entries of each row."""
    keep = np.ones(rows.nnz, dtype=bool)
    for low, high in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        if (surplus := high - low - NEIGHBOURS) > 0:
            keep[low + np.argpartition(rows.data[low:high], surplus)[:surplus]] = False
    return _keep(rows, keep)


def _keep(rows: csr_array, keep: np.ndarray) -> csr_array:
    """Return the entries that are marked."""
    indptr = np.concatenate([[0], keep.cumsum()])[rows.indptr]
    return csr_array((rows.data[keep], rows.indices[keep], indptr), rows.shape)
