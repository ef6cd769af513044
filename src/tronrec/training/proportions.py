"""Tells where a system is larger than the data that it is to learn from."""

import logging
from collections.abc import Iterator

from tronrec.params import SystemParams

logger = logging.getLogger(__name__)


def warn_of_oversize(params: SystemParams, *, items: int, sessions: int) -> None:
    """Log what of a system the data is too small for; it can be trained all the same.

    Args:
        params: The system.
        items: Items of the catalogue.
        sessions: Sessions that it learns from.
    """
    if lines := [*_oversizes(params, items, sessions)]:
        logger.warning("The system is larger than the data: %s", "; ".join(lines))


def _oversizes(params: SystemParams, items: int, sessions: int) -> Iterator[str]:
    sampling, batch_size = params.sampling, params.training.batch_size
    if sampling.uniform_of(items) >= items:
        yield (
            f"sampling.uniform ({sampling.uniform:,}) draws each of the {items:,} "
            f"items about {sampling.uniform / items:.1f} times; lower it to "
            f"{max(1, items // 4):,} or less"
        )
    if sampling.top_k is not None and sampling.top_k >= items:
        yield (
            f"sampling.top_k ({sampling.top_k:,}) keeps as many negatives as there are "
            f"items ({items:,}); lower it"
        )
    if batch_size > sessions:
        yield (
            f"training.batch_size ({batch_size:,}) exceeds the {sessions:,} sessions, "
            "so an epoch is one step; lower it"
        )
