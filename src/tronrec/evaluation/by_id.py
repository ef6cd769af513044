"""Ranks of sessions of another catalogue than the model's, item by item as it serves.

What the model does not know it cannot rank, and does not see in a session; where a
session has nothing else before a click, it recommends what is clicked most. The same
events are ranked for any model, so that two can be compared.
"""

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Int

from tronrec.data.item_ids import find_numbers
from tronrec.data.packed import PackedSessions
from tronrec.evaluation.ranking import rank_targets
from tronrec.model_file import ModelFile
from tronrec.schemas import PADDING

CPU = torch.device("cpu")
Numbers = Int[np.ndarray, "clicks"]


def rank_by_id(  # noqa: PLR0913 - all but three have sane defaults
    file: ModelFile,
    sessions: PackedSessions,
    item_ids: pl.Series,
    *,
    depth: int = 20,
    batch_size: int = 1024,
    device: torch.device = CPU,
) -> Int[np.ndarray, "events"]:
    """Return the rank of each event of `sessions` among the items of a model.

    Args:
        file: The model.
        sessions: Sessions of at least two clicks.
        item_ids: The shop's ids of their items, from number 1 on.
        depth: Ranks past this one are not told apart; unknown targets have `depth + 1`.
        batch_size: Events ranked at once; changes memory and time, not the result.
        device: Where they are ranked.
    """
    of_item = np.append(PADDING, find_numbers(file.item_ids, item_ids))
    numbers = of_item[sessions.items]
    known = numbers != PADDING
    first = np.zeros(len(known), bool)
    first[sessions.offsets[:-1]] = True
    seen = _known_before(known, sessions)

    ranks = np.full(len(known), depth + 1)
    alone = known & ~seen & ~first
    ranks[alone] = _ranks_by_popularity(file, numbers[alone], depth)
    rest = _rest(numbers, known, sessions)
    if len(rest):
        ranking = rank_targets(
            *(file.model.to(device), file.terms, rest),
            depth=depth,
            batch_size=batch_size,
        )
        ranks[known & seen] = ranking.ranks
    return ranks[~first]


def _known_before(
    known: Bool[np.ndarray, "clicks"], sessions: PackedSessions
) -> Bool[np.ndarray, "clicks"]:
    """Return of which clicks the session has a known one before."""
    before = np.cumsum(known) - known
    at_start = before[sessions.offsets[:-1]]
    return np.asarray(before > np.repeat(at_start, np.diff(sessions.offsets)))


def _rest(
    numbers: Numbers, known: Bool[np.ndarray, "clicks"], sessions: PackedSessions
) -> PackedSessions:
    """Return what is left of sessions without the unknown: of two clicks at least."""
    lengths = np.add.reduceat(known, sessions.offsets[:-1], dtype=np.int64)
    long = lengths > 1
    kept = known & np.repeat(long, np.diff(sessions.offsets))
    offsets = np.append(0, lengths[long].cumsum())
    return PackedSessions(numbers[kept].astype(np.int32), offsets)


def _ranks_by_popularity(file: ModelFile, numbers: Numbers, depth: int) -> Numbers:
    popularity = file.popularity()
    better = np.searchsorted(np.sort(-popularity), -popularity[numbers - 1], "right")
    return np.asarray(np.minimum(better, depth + 1))
