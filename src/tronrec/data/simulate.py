"""Simulated clicks of any number, with a structure that can be learnt.

Tests, a first run without a download and load tests need them. A visitor of the made-up
shop has an interest: a category, a brand, a price. It lasts for a visit, and there may
be another hours later. A click is on what is popular in the interest, on a substitute
or a complement of one of the last three clicks, or goes back to an earlier item.
Popularity is heavy-tailed and moves through the catalogue.

How much of each there is was fitted to real clicks (`benchmarks/realism.py`).

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

from tronrec.data.shop import BRANDS, PRICES, Floats, Ints, Shop, open_shop
from tronrec.params import SimulationParams
from tronrec.progress import Progress
from tronrec.schemas import CLICKS, ITEM, SESSION, TEST_FILE, TIME

BLOCK = 8192
"""Sessions drawn from one seed, and sessions of a frame."""

SHORTEST, LONGEST = 2, 500

BEGIN = int(datetime(2022, 8, 1, tzinfo=UTC).timestamp()) * 1000  # milliseconds
DAY = 86_400_000
MEDIAN_GAP, GAP_SPREAD = 45_000, 1.2
MEAN_BREAK = DAY / 4

POPULARITY_SKEW, RELATED_SKEW, RECENCY = 3, 2, 4
"""A uniform draw to such a power prefers low ranks: heavy tails without a table."""
PRICE_SPREAD = 0.5
"""Deviation of the price levels that a visitor looks at from the one in mind."""
STEPS_BACK = 0.6, 0.25, 0.15
"""Of a click that follows another: how often that is one, two or three clicks back."""


@dataclass(frozen=True)
class Sessions:
    """Sessions back to back, before it is known what they click."""

    starts: Floats  # [sessions] part of the whole period, ascending
    first: Ints  # [sessions] number of the first click
    session: Ints  # [clicks] number of the session
    position: Ints  # [clicks] 0 at the first click of a session
    opens_visit: NDArray[np.bool_]  # [clicks] true at position 0, too


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
    middle, spread = np.log(params.median_length), params.length_spread
    drawn = rng.lognormal(middle, spread, len(numbers)).round()
    lengths = drawn.clip(SHORTEST, LONGEST).astype(np.int64)
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
    slots = _look_around(rng, params, shop, sessions)
    source, related = _draw_sources(rng, params, sessions)
    lengths = np.diff(sessions.first, append=len(slots))
    going_on = np.arange(len(lengths))
    for step in range(1, lengths.max()):
        going_on = going_on[lengths[going_on] > step]
        click = sessions.first[going_on] + step
        before = slots[source[click]]
        follows = related[click] >= 0
        slots[click] = np.where(follows, shop.related[before, related[click]], before)
    return slots


def _draw_sources(
    rng: Generator, params: SimulationParams, sessions: Sessions
) -> tuple[Ints, Ints]:
    """Return the click that each one follows, and as which of its related items.

    A click that goes back has -1 for the latter; one that looks around follows itself.
    """
    clicks = len(sessions.session)
    shares = params.repeat_share, params.substitute_share, params.complement_share
    kind = np.searchsorted(np.cumsum(shares), rng.random(clicks), side="right")
    kind[sessions.opens_visit] = len(shares)
    repeats, alike, belongs = (kind == number for number in range(len(shares)))
    back = 1 + rng.choice(len(STEPS_BACK), clicks, p=STEPS_BACK)
    ago = np.minimum(back, sessions.position) * (alike | belongs)
    again = 1 + (sessions.position * rng.random(clicks) ** RECENCY).astype(np.int64)
    ago[repeats] = again[repeats]
    rank = rng.random(clicks) ** RELATED_SKEW
    related = np.full(clicks, -1)
    related[alike] = (params.substitutes * rank[alike]).astype(np.int64)
    of_complement = (params.complements * rank[belongs]).astype(np.int64)
    related[belongs] = params.substitutes + of_complement
    return np.arange(clicks) - ago, related


def _look_around(
    rng: Generator, params: SimulationParams, shop: Shop, sessions: Sessions
) -> Ints:
    """Return, for every click, an item of the visit's interest that is popular now."""
    visit, clicks = sessions.opens_visit.cumsum() - 1, len(sessions.session)
    opens = np.flatnonzero(sessions.opens_visit)
    moved = params.drift * sessions.starts[sessions.session]
    category = _popular(rng, np.zeros(len(opens))) * params.categories
    liked = _popular(rng, moved[opens])[visit]
    is_loyal = rng.random(clicks) < params.loyalty
    brand = np.where(is_loyal, liked, _popular(rng, moved)) * len(BRANDS)
    level = rng.random(len(opens))[visit] * len(PRICES)
    level += PRICE_SPREAD * rng.standard_normal(clicks)
    price = np.clip(level, 0, len(PRICES) - 1)
    return shop.find(
        category[visit].astype(np.int64),
        brand.astype(np.int64),
        price.astype(np.int64),
        _popular(rng, moved),
    )


def _popular(rng: Generator, moved: Floats) -> Floats:
    """Draw places on a ring of length 1, the most popular of which is at `moved`."""
    return (rng.random(len(moved)) ** POPULARITY_SKEW + moved) % 1
