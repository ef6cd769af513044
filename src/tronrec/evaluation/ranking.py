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
from tqdm import tqdm

from tronrec.batches import Batch, SessionBatches
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.evaluation.catalogue import Candidates, Catalogue
from tronrec.evaluation.repeats import find_repeats
from tronrec.models.recommender import Recommender
from tronrec.precision import coarse_dtype


@dataclass(frozen=True)
class Ranking:
    """What the metrics are functions of."""

    ranks: Int[np.ndarray, "events"]
    """Exact rank of each target, 1 the best; `depth + 1` if it is past `depth`."""
    shown: Int[np.ndarray, "items"]
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
    predicted = np.cumsum(windows.ends - windows.starts - 1)
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
def rank_targets(
    model: Recommender,
    sessions: PackedSessions,
    *,
    depth: int = 20,
    batch_size: int = 1024,
    progress: str | None = None,
) -> Ranking:
    """Return the exact ranks of all events of `sessions`.

    Args:
        model: The recommender, on the device to be used.
        sessions: Sessions of at least two clicks, of items the model knows.
        depth: Ranks past this one are not told apart.
        batch_size: Events ranked at once; changes memory and time, not the result.
        progress: Label of a progress bar; none without it.
    """
    model.eval()
    device = model.items.device
    catalogue = Catalogue(model.candidates(), coarse_dtype(device))
    shown = torch.full((model.num_items + 1,), depth + 1, device=device)
    total = len(sessions.items) - len(sessions)
    ranks = []
    batches = predictions(
        sessions, window=model.params.window, batch_size=batch_size, device=device
    )
    disable = None if progress else True
    with tqdm(total=total, desc=progress, unit=" events", disable=disable) as bar:
        for batch, counted in batches:
            items = batch.clicks[batch.inputs]
            hidden = model(items, batch.layout)[counted]
            targets = batch.clicks[batch.targets][counted]
            every = torch.arange(len(hidden), device=device)
            own = catalogue.score(hidden, every, targets)
            found = catalogue.candidates(hidden, depth)
            if model.params.repeat_gains:
                repeats = find_repeats(batch, counted, model.params.repeat_gains)
                own += repeats.gain(targets)
                found = repeats.add(found, catalogue, hidden)
            ranks.append(_ranks(found, targets, own, depth))
            _show(shown, found, depth)
            bar.update(len(hidden))
    return Ranking(torch.cat(ranks).cpu().numpy(), shown[1:].cpu().numpy())


def _ranks(
    found: Candidates,
    targets: Int[Tensor, "events"],
    own: Float[Tensor, "events"],
    depth: int,
) -> Int[Tensor, "events"]:
    """Count the items that score at least as much as the target, and the target."""
    if not own.isfinite().all():
        raise UserError(
            "The model's scores are not finite; train it again with a lower "
            "training.learning_rate"
        )
    rival = (found.score >= own[found.event]) & (found.item != targets[found.event])
    ahead = torch.bincount(found.event[rival], minlength=len(own))
    return ahead.clamp_(max=depth) + 1


def _show(shown: Int[Tensor, "rows"], found: Candidates, depth: int) -> None:
    """Lower each item's best rank to the best at which these events see it."""
    by_item = found.item.argsort()
    by_score = by_item[found.score[by_item].argsort(descending=True, stable=True)]
    order = by_score[found.event[by_score].argsort(stable=True)]
    event, item = found.event[order], found.item[order]
    counts = torch.bincount(event)
    first = counts.cumsum(0) - counts
    rank = torch.arange(len(event), device=event.device) - first[event] + 1
    rank.clamp_(max=depth + 1)
    shown.scatter_reduce_(0, item, rank, "amin")
