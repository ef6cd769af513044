"""Simulated clicks of any number, with a structure that can be learnt.

Tests, a first run without a download and load tests need them. A visitor of the made-up
shop looks around in one category, goes on to a likely successor of the last item,
returns to an earlier item, and comes back hours later for another category. Popularity
is heavy-tailed and moves through the catalogue.

Sessions are drawn in blocks, each from its own seed: memory does not depend on the
number of sessions. Inside a block all draws are made at once; only the steps of a
session follow one another, and each is taken for all sessions together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tronrec.params import SimulationParams
from tronrec.progress import Progress
from tronrec.schemas import CLICKS, ITEM, SESSION, TEST_FILE, TIME, TITLE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BLOCK = 8192
"""Sessions drawn from one seed, and sessions of a frame."""

SHORTEST, LONGEST = 2, 500
MEDIAN_LENGTH, LENGTH_SPREAD = 6.0, 1.44
"""Log-normal lengths, as OTTO's: mean 16.8, median 6, nine in ten up to 39 clicks."""

BEGIN = int(datetime(2022, 8, 1, tzinfo=UTC).timestamp()) * 1000  # milliseconds
DAY = 86_400_000
MEDIAN_GAP, GAP_SPREAD = 45_000, 1.2
MEAN_BREAK = DAY / 4

CATEGORY_SKEW, ITEM_SKEW, SUCCESSOR_SKEW, RECENCY = 2, 3, 2, 2
"""A uniform draw to such a power prefers low ranks: heavy tails without a table."""
COLOURS = "White", "Grey", "Black", "Red", "Orange", "Yellow", "Green", "Blue", "Brown"
MATERIALS = "oak", "wool", "glass", "steel", "cotton", "leather", "stone"
KINDS = (
    *("lamp", "chair", "bowl", "coat", "bag", "watch", "rug", "shelf", "cup", "shirt"),
    *("tent", "pan", "bike", "desk", "clock", "vase", "scarf", "kettle", "sofa", "hat"),
)
"""Of made-up titles: an item's kind is that of its category."""
NEIGHBOURHOOD = 0.5
"""The part of its category, around an item, in which its successors lie."""


@dataclass(frozen=True)
class Shop:
    """The catalogue: an item has a slot in it, and a category is a run of slots."""

    bounds: Ints  # [categories + 1]
    successors: Ints  # [items, successors] slots, the likeliest first
    item_ids: Ints  # [items]


@dataclass(frozen=True)
class Sessions:
    """Sessions back to back, before it is known what they click."""

    starts: Floats  # [sessions] part of the whole period, ascending
    first: Ints  # [sessions] number of the first click
    session: Ints  # [clicks] number of the session
    position: Ints  # [clicks] 0 at the first click of a session
    opens_visit: NDArray[np.bool_]  # [clicks] true at position 0, too


def open_shop(params: SimulationParams) -> Shop:
    """Draw the catalogue; item ids tell neither category nor popularity."""
    rng = np.random.default_rng([params.seed, 0])
    bounds = np.linspace(0, params.items, params.categories + 1).astype(np.int64)
    category = np.repeat(np.arange(params.categories), np.diff(bounds))
    size = np.diff(bounds)[category]
    place = (np.arange(params.items) - bounds[category]) / size
    distance = rng.random((params.successors, params.items)) - 0.5
    successors = _slots(bounds, category, place + NEIGHBOURHOOD * distance).T
    return Shop(bounds, successors, rng.permutation(params.items))


def describe_items(params: SimulationParams) -> pl.DataFrame:
    """Return a title for each item; neighbours in a category have titles alike."""
    shop = open_shop(params)
    slots = np.arange(params.items)
    category = np.searchsorted(shop.bounds, slots, side="right") - 1
    titles = [
        f"{COLOURS[slot % len(COLOURS)]} "
        f"{MATERIALS[slot // len(COLOURS) % len(MATERIALS)]} "
        f"{KINDS[group % len(KINDS)]} {slot}"
        for slot, group in zip(slots.tolist(), category.tolist(), strict=True)
    ]
    return pl.DataFrame({ITEM: shop.item_ids, TITLE: titles})


def simulate_clicks(params: SimulationParams) -> Iterator[pl.DataFrame]:
    """Yield the clicks of whole sessions in the order of their starts.

    `TEST_FILE` is true for the clicks in the last `test_days`, also for those of a
    session that began before.
    """
    shop = open_shop(params)
    blocks = range(-(-params.sessions // BLOCK))
    with Progress("simulation", params.sessions, "sessions") as progress:
        for block in blocks:
            yield simulate_block(params, shop, block)
            progress.reach(min((block + 1) * BLOCK, params.sessions))


def simulate_block(params: SimulationParams, shop: Shop, block: int) -> pl.DataFrame:
    """Return the clicks of the sessions from `block * BLOCK` on."""
    rng = np.random.default_rng([params.seed, block + 1])
    numbers = np.arange(block * BLOCK, min((block + 1) * BLOCK, params.sessions))
    sessions = _draw_sessions(rng, params, numbers)
    times = _draw_times(rng, params, sessions)
    slots = _draw_slots(rng, params, shop, sessions)
    test_begins = BEGIN + (params.days - params.test_days) * DAY
    return pl.DataFrame(
        {
            SESSION: numbers[sessions.session],
            ITEM: shop.item_ids[slots],
            TIME: pl.Series(times, dtype=pl.Datetime("ms", "UTC")),
            TEST_FILE: times >= test_begins,
        }
    ).cast(CLICKS)


def _draw_sessions(rng: Generator, params: SimulationParams, numbers: Ints) -> Sessions:
    """Draw starts, lengths and visits; a session starts in its own slice of time."""
    starts = (numbers + rng.random(len(numbers))) / params.sessions
    drawn = rng.lognormal(np.log(MEDIAN_LENGTH), LENGTH_SPREAD, len(numbers))
    lengths = drawn.round().clip(SHORTEST, LONGEST).astype(np.int64)
    first = lengths.cumsum() - lengths
    session = np.repeat(np.arange(len(numbers)), lengths)
    opens_visit = rng.random(len(session)) < params.visit_share
    opens_visit[first] = True
    position = np.arange(len(session)) - first[session]
    return Sessions(starts, first, session, position, opens_visit)


def _draw_times(rng: Generator, params: SimulationParams, sessions: Sessions) -> Ints:
    """Return when each click happened: seconds apart in a visit, else hours."""
    gaps = rng.lognormal(np.log(MEDIAN_GAP), GAP_SPREAD, len(sessions.session))
    breaks = rng.exponential(MEAN_BREAK, len(sessions.session))
    gaps[sessions.opens_visit] += breaks[sessions.opens_visit]
    elapsed = gaps.astype(np.int64).clip(1).cumsum()
    start = BEGIN + (sessions.starts * params.days * DAY).astype(np.int64)
    times: Ints = (start - elapsed[sessions.first])[sessions.session] + elapsed
    return times


def _draw_slots(
    rng: Generator, params: SimulationParams, shop: Shop, sessions: Sessions
) -> Ints:
    """Return the slot of every click; linear in clicks plus the longest session."""
    clicks = len(sessions.session)
    choice = np.where(sessions.opens_visit, 1.0, rng.random(clicks))
    repeats = choice < params.repeat_share
    follows = ~repeats & (choice < params.repeat_share + params.successor_share)
    ago = 1 + (sessions.position * rng.random(clicks) ** RECENCY).astype(np.int64)
    source = np.arange(clicks) - np.where(repeats, ago, 0)
    rank = (params.successors * rng.random(clicks) ** SUCCESSOR_SKEW).astype(np.int64)
    slots = _look_around(rng, params, shop, sessions)
    lengths = np.diff(sessions.first, append=clicks)
    going_on = np.arange(len(lengths))
    for step in range(1, lengths.max()):
        going_on = going_on[lengths[going_on] > step]
        click = sessions.first[going_on] + step
        successor = shop.successors[slots[click - 1], rank[click]]
        slots[click] = np.where(follows[click], successor, slots[source[click]])
    return slots


def _look_around(
    rng: Generator, params: SimulationParams, shop: Shop, sessions: Sessions
) -> Ints:
    """Return, for every click, an item of the visit's category that is popular now."""
    visit = sessions.opens_visit.cumsum() - 1
    chosen = params.categories * rng.random(visit[-1] + 1) ** CATEGORY_SKEW
    popular = rng.random(len(visit)) ** ITEM_SKEW
    moved = params.drift * sessions.starts[sessions.session]
    return _slots(shop.bounds, chosen.astype(np.int64)[visit], popular + moved)


def _slots(bounds: Ints, category: Ints, place: Floats) -> Ints:
    """Return the slot at `place` in its category, seen as a ring of length 1."""
    size = np.diff(bounds)[category]
    slots: Ints = bounds[category] + np.floor(place * size).astype(np.int64) % size
    return slots
