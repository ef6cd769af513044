"""A uniform sample of sessions, where ranking all of them takes too long.

Sessions are drawn, not events: they are the unit of chance. The draw depends on the
number of sessions alone, so all systems are measured on the same ones.
"""

import logging

import numpy as np
from jaxtyping import Int

from tronrec.data.packed import PackedSessions

logger = logging.getLogger(__name__)

SEED = 0
PAIRS = 10**10
"""Pairs of an event and an item that are scored after an epoch, at most, unless the
number of sessions is stated: minutes. Diginetica has 3 · 10⁹, OTTO 2 · 10¹³."""


def draw_sessions(total: int, count: int | None) -> Int[np.ndarray, "drawn"]:
    """Return the numbers of some of `total` sessions, ascending; None draws all."""
    if count is None or count >= total:
        return np.arange(total)
    drawn = np.random.default_rng(SEED).choice(total, count, replace=False)
    return np.sort(drawn)


def sample_sessions(sessions: PackedSessions, count: int | None) -> PackedSessions:
    """Return those sessions that `draw_sessions` draws, in their order."""
    drawn = draw_sessions(len(sessions), count)
    if len(drawn) == len(sessions):
        return sessions
    starts, ends = sessions.offsets[drawn], sessions.offsets[drawn + 1]
    offsets = np.concatenate(([0], (ends - starts).cumsum()))
    clicks = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], ends - starts)
    return PackedSessions(sessions.items[clicks], offsets)


def number_events(
    sessions: PackedSessions, count: int | None
) -> Int[np.ndarray, "events"]:
    """Return of each event of the sampled sessions which of all sessions it is in."""
    drawn = draw_sessions(len(sessions), count)
    return np.repeat(drawn, np.diff(sessions.offsets)[drawn] - 1)


def sample_validation(
    sessions: PackedSessions, stated: int | None, items: int
) -> PackedSessions:
    """Return the held-out sessions that measure an epoch, and log if it is not all.

    The arguments are those of `validation_size`.
    """
    clicks, total = len(sessions.items), len(sessions)
    size = validation_size(stated, sessions=total, clicks=clicks, items=items)
    if size < total:
        logger.info(
            "Epochs are measured on %s; training.validation_sessions sets their number",
            describe_sample(size, total, "held-out"),
        )
    return sample_sessions(sessions, size)


def validation_size(
    stated: int | None, *, sessions: int, clicks: int, items: int
) -> int:
    """Return how many held-out sessions are ranked after an epoch.

    Args:
        stated: `training.validation_sessions`; None: as many as `PAIRS` allow.
        sessions: Sessions that are held out.
        clicks: Their clicks.
        items: Items of the catalogue.
    """
    if stated is not None:
        return min(stated, sessions)
    pairs = (clicks - sessions) * items
    return sessions if pairs <= PAIRS else max(1, sessions * PAIRS // pairs)


def describe_sample(measured: int, total: int, kind: str) -> str:
    """Return how many sessions were measured, in words, and of how many."""
    if measured == total:
        return f"{total:,} {kind} sessions"
    return f"{measured:,} {kind} sessions, drawn at random from {total:,}"
