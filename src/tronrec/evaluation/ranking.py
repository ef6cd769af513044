"""Ranks of all targets in the whole catalogue (paper, section 3).

Every event of every session from the second on is predicted once, from at most `window`
clicks before it. Scores that decide are float32, and an item that scores the same as
the target ranks before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tronrec.batches import Batch, SessionBatches
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.models.recommender import Recommender
from tronrec.progress import Progress
from tronrec.retrieval.exact_top_k import NOT_FINITE, ScoredItems
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.scorer import Scorer


@dataclass(frozen=True)
class Ranking:
    """What the metrics are functions of."""

    ranks: Int[np.ndarray, "events"]
    """Exact rank of each target, 1 the best; `depth + 1` if it is past `depth`."""
    best_rank_by_item: Int[np.ndarray, "items"]
    """Best rank at which each item was recommended to anyone; `depth + 1` if never."""


@dataclass(frozen=True)
class Windows:
    """Runs of clicks from which all events of some sessions are predicted."""

    starts: Int[np.ndarray, "windows"]
    ends: Int[np.ndarray, "windows"]
    last_only: Bool[np.ndarray, "windows"]
    """Whether only the last click of the run is a prediction that counts."""


def cut_windows(sessions: PackedSessions, window: int) -> Windows:
    """Return runs in which each event has all, or the last `window`, clicks before it.

    One run serves the first `window` events of a session. Each later one has a run of
    its own, since its window starts at another click.
    """
    starts = np.asarray(sessions.offsets[:-1])
    lengths = np.diff(sessions.offsets)
    later = np.maximum(lengths - (window + 1), 0)
    session = np.repeat(np.arange(len(starts)), later + 1)
    first = np.cumsum(later + 1) - (later + 1)
    shift = np.arange(len(session)) - first[session]
    run_starts = starts[session] + shift
    run_ends = np.minimum(run_starts + window + 1, starts[session] + lengths[session])
    return Windows(run_starts, run_ends, shift > 0)


def predictions(
    sessions: PackedSessions, *, window: int, batch_size: int, device: torch.device
) -> Iterator[tuple[Batch, Bool[Tensor, "events"]]]:
    """Yield batches of about `batch_size` predictions, and which of them count.

    The events that count are those of the sessions, in their order, each once.
    """
    windows = cut_windows(sessions, window)
    batches = SessionBatches(sessions, device)
    counting = np.where(windows.last_only, 1, windows.ends - windows.starts - 1)
    predicted = np.cumsum(counting)
    edges = np.flatnonzero(np.diff(predicted // batch_size, prepend=0, append=-1))
    for low, high in zip([0, *edges[:-1]], edges, strict=True):
        if low == high:
            continue
        starts, ends = windows.starts[low:high], windows.ends[low:high]
        batch = batches.batch(starts, ends)
        counts = ends - starts - 1
        counted = np.ones(counts.sum(), dtype=bool)
        skip = np.repeat(windows.last_only[low:high], counts)
        counted[skip] = False
        counted[np.cumsum(counts) - 1] = True
        yield batch, torch.from_numpy(counted).to(device)


@torch.no_grad()
def rank_targets(  # noqa: PLR0913 - all but three have sane defaults
    model: Recommender,
    terms: RankingTerms,
    sessions: PackedSessions,
    *,
    depth: int = 20,
    batch_size: int = 1024,
    progress: str | None = None,
) -> Ranking:
    """Return the exact ranks of all events of `sessions`.

    Args:
        model: The recommender, on the device to be used.
        terms: What its scores have beside the trained product.
        sessions: Sessions of at least two clicks, of items the model knows.
        depth: Ranks past this one are not told apart.
        batch_size: Events ranked at once; changes memory and time, not the result.
        progress: What the progress is called; None: it is not shown.

    Raises:
        UserError: The model's weights or scores are not finite.
    """
    model.eval()
    device = model.item_embeddings.device
    scorer = Scorer(model, terms)
    best_ranks = torch.full((model.num_items + 1,), depth + 1, device=device)
    total = sessions.num_targets
    ranks = []
    batches = predictions(
        sessions, window=model.params.window, batch_size=batch_size, device=device
    )
    shown = Progress(progress or "", total, "events", shown=progress is not None)
    with shown:
        for batch, counted in batches:
            targets = batch.clicks[batch.targets][counted]
            scores = scorer.score(batch, counted)
            of_targets, best = scores.of(targets), scores.best_items(depth)
            ranks.append(_ranks(best, targets, of_targets, depth))
            _lower_best_ranks(best_ranks, best, depth)
            shown.update(len(targets))
    return Ranking(torch.cat(ranks).cpu().numpy(), best_ranks[1:].cpu().numpy())


def _ranks(
    best: ScoredItems,
    targets: Int[Tensor, "events"],
    of_targets: Float[Tensor, "events"],
    depth: int,
) -> Int[Tensor, "events"]:
    """Count the items that score at least as much as the target, and the target."""
    if not of_targets.isfinite().all():
        raise UserError(NOT_FINITE)
    as_good = best.score >= of_targets[best.event]
    rival = as_good & (best.item != targets[best.event])
    ahead = torch.bincount(best.event[rival], minlength=len(of_targets))
    return ahead.clamp_(max=depth) + 1


def _lower_best_ranks(
    best_ranks: Int[Tensor, "rows"], best: ScoredItems, depth: int
) -> None:
    """Lower each item's best rank to the best at which these events see it."""
    event, item, _ = best.sorted()
    counts = torch.bincount(event)
    first = counts.cumsum(0) - counts
    rank = torch.arange(len(event), device=event.device) - first[event] + 1
    rank.clamp_(max=depth + 1)
    best_ranks.scatter_reduce_(0, item, rank, "amin")
