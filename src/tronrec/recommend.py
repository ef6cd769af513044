"""Recommending: a shop's item ids in, its ranked item ids out.

The scores are those of the evaluation (`tronrec.retrieval.scorer`), exact over the
whole catalogue. A session without a known item gets what is clicked most of late.
"""

import logging
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int

from tronrec.answers import Answer, Id, Request
from tronrec.batches import Batch
from tronrec.checkpoint import Checkpoint, ModelCard
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.errors import UserError
from tronrec.model_file import ModelFile
from tronrec.models.layout import Layout
from tronrec.params import LARGEST_K, Search
from tronrec.retrieval.approximate_top_k import ApproximateTopK
from tronrec.retrieval.scorer import Scorer, SessionScores

logger = logging.getLogger(__name__)

SHALLOW = 32
"""Least depth of a search; requests of about the same depth are searched together."""

PROBES, PROBE_CLICKS, PROBE_DEPTH, PROBE_RECALL = 256, 5, 20, 0.98
"""An approximate search is tuned with so many sessions, of so many clicks at most,
until it finds such a share of so many best items."""


@dataclass(frozen=True)
class _Known:
    """A request in item numbers."""

    k: int
    session: list[int]
    exclude: set[int]
    allow: list[int] | None

    @property
    def depth(self) -> int:
        """Length of a list that holds k items when the excluded ones are gone."""
        return self.k + len(self.exclude)


class ItemNumbers:
    """The numbers of items, by the ids of the shop."""

    def __init__(self, ids: pl.Series) -> None:
        """Prepare the search; whole numbers are sorted, which takes a tenth of a dict.

        Args:
            ids: Of items 1, 2, ...; whole numbers or text, each once.
        """
        self._by_text: dict[str, int] | None = None
        if ids.dtype == pl.String:
            self._by_text = {item: row for row, item in enumerate(ids, start=1)}
            return
        order = ids.arg_sort()
        self._sorted, self._number = ids[order].to_numpy(), 1 + order.to_numpy()

    def find(self, item: Id) -> int | None:
        """Return the number of an item; True is not 1, and neither is 1.0."""
        if self._by_text is not None:
            return self._by_text.get(item) if isinstance(item, str) else None
        if isinstance(item, bool) or not isinstance(item, Integral):
            return None
        place = bisect_left(self._sorted, item)
        if place == len(self._sorted) or self._sorted[place] != item:
            return None
        return int(self._number[place])


class TrainedModel:
    """A model that answers: `tronrec.load` reads it from the file of a training."""

    def __init__(
        self, file: ModelFile, device: torch.device, search: Search = "exact"
    ) -> None:
        """Prepare the item table for the search.

        Args:
            file: The model.
            device: Where it answers.
            search: Over the whole catalogue exactly, or near the session's state.

        Raises:
            UserError: The weights are not finite, or the catalogue is too small to be
                searched approximately.
        """
        self.card: ModelCard = file.card
        self.item_ids = file.item_ids
        self._numbers = ItemNumbers(file.item_ids)
        self.item_counts = file.item_counts
        model = file.model.to(device)
        self._scorer = Scorer(model, file.terms, search)
        width = model.item_embeddings.shape[1]
        model.item_embeddings.data = self._scorer.index.table[:, :width]  # one table
        self._popularity = file.popularity()
        self._by_popularity = 1 + np.argsort(-self._popularity, kind="stable")
        if isinstance(self._scorer.index, ApproximateTopK):
            self._tune(self._scorer.index)

    @classmethod
    def load(
        cls, path: str | Path, device: str = "auto", search: Search = "exact"
    ) -> Self:
        """Read a model that a train_* pipeline wrote.

        Args:
            path: The file, `data/06_models/<data set>/model.safetensors`.
            device: `cpu`, `cuda`, or `auto`: a GPU if there is one.
            search: `exact`: what is recommended is what was evaluated. `approximate`:
                for millions of items, in a small part of the time; the share of the
                exact lists that it finds is measured and logged.

        Raises:
            UserError: The file is missing, damaged, or no model, or its catalogue is
                too small to be searched approximately.
        """
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file; the train_* pipelines write models")
        file = ModelFile.read(Checkpoint.load(Path(path)))
        return cls(file, choose_device(device), search)

    def recommend(
        self,
        sessions: Iterable[Sequence[Id]],
        k: int = 20,
        *,
        exclude: Sequence[Id] = (),
        exclude_seen: bool = False,
        allow: Sequence[Id] | None = None,
    ) -> pl.DataFrame:
        """Return the best items for each session.

        Args:
            sessions: The items that each visitor clicked, the newest last.
            k: Items for each session, at most 1,000.
            exclude: Items that are not recommended.
            exclude_seen: Whether a session's own items are not recommended either.
            allow: The only items that may be recommended; None: all.

        Returns:
            A row for each recommendation: `session` (its place in `sessions`, from 0),
            `rank` (1 the best), `item`, `score`. A warning counts ids that
            are not known; `answer` names them.

        Raises:
            UserError: k is not between 1 and 1,000.
        """
        requests = [
            Request(list(session), k, exclude, exclude_seen, allow)
            for session in sessions
        ]
        answers = self.answer(requests)
        _warn_of_unknown(answers)
        counts = [len(answer.items) for answer in answers]
        is_text = self.item_ids.dtype == pl.String
        return pl.DataFrame(
            {
                "session": np.repeat(np.arange(len(answers)), counts),
                "rank": [1 + row for count in counts for row in range(count)],
                "item": [item for answer in answers for item in answer.items],
                "score": [score for answer in answers for score in answer.scores],
            },
            {
                "session": pl.Int64(),
                "rank": pl.Int64(),
                "item": pl.String() if is_text else pl.Int64(),
                "score": pl.Float32(),
            },
        )

    @torch.no_grad()
    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Return an answer to each request; they are computed together.

        Raises:
            UserError: A k is not between 1 and 1,000.
        """
        known = [self._translate(request) for request in requests]
        ranked: dict[int, tuple[list[int], list[float]]] = {}
        groups: dict[int, list[int]] = {}
        for place, request in enumerate(known):
            if not request.session:
                ranked[place] = self._fall_back(request)
            elif request.allow is not None:
                ranked[place] = self._rank_allowed(request)
            else:
                depth = max(SHALLOW, 1 << (request.depth - 1).bit_length())
                groups.setdefault(depth, []).append(place)
        for depth, places in groups.items():
            lists = self._search([known[place] for place in places], depth)
            ranked |= zip(places, lists, strict=True)
        return [
            Answer(
                self.item_ids[[number - 1 for number in ranked[place][0]]].to_list(),
                ranked[place][1],
                [item for item in request.session if self._numbers.find(item) is None],
                fallback=not known[place].session,
            )
            for place, request in enumerate(requests)
        ]

    @torch.no_grad()
    def best_items(
        self, sessions: PackedSessions, k: int
    ) -> tuple[Int[np.ndarray, "sessions k"], Float[np.ndarray, "sessions k"]]:
        """Return item numbers and scores of the best items, for sessions of numbers.

        Args:
            sessions: Item numbers of each session; all of its clicks are known.
            k: Items for each session, at most the number of items.
        """
        lists = [
            session[-self._scorer.model.params.window :]
            for session in np.split(sessions.items, sessions.offsets[1:-1])
        ]
        return _first(self._score(lists), k, len(lists))

    @torch.no_grad()
    def _tune(self, index: ApproximateTopK) -> None:
        """Have so much searched that enough of the exact lists is found, and tell it.

        Sessions of popular items stand for those that will come.
        """
        rng = np.random.default_rng(0)
        shares = self.item_counts / self.item_counts.sum()
        lengths = rng.integers(1, PROBE_CLICKS + 1, PROBES)
        numbers = 1 + rng.choice(len(shares), lengths.sum(), p=shares)
        scores = self._score(np.split(numbers, lengths.cumsum()[:-1]))
        share = index.tune(scores.hidden, PROBE_DEPTH, PROBE_RECALL)
        logger.info(
            "The approximate search looks into %d of %d cells and finds %.1f %% of the "
            "exact best %d, of %d sessions",
            *(index.probes, index.cells, 100 * share, PROBE_DEPTH, PROBES),
        )

    def trend_of(self, number: int) -> float | None:
        """Return an item's share of recent clicks by its share of all; None: unused."""
        trend = self._scorer.terms.trend
        return None if trend is None else float(trend[number].exp())

    def _translate(self, request: Request) -> _Known:
        if not 1 <= request.k <= LARGEST_K:
            raise UserError(
                f"k = {request.k}: must be from 1 to {LARGEST_K:,}; ask for fewer items"
            )
        session = self._find_all(request.session)
        exclude = set(self._find_all(request.exclude))
        if request.exclude_seen:
            exclude |= set(session)
        allow = None if request.allow is None else self._find_all(request.allow)
        k = min(request.k, len(self.item_ids))
        window = self._scorer.model.params.window
        return _Known(k, session[-window:], exclude, allow)

    def _find_all(self, items: Iterable[Id]) -> list[int]:
        found = map(self._numbers.find, items)
        return [number for number in found if number is not None]

    def _score(self, sessions: Sequence[Sequence[int] | np.ndarray]) -> SessionScores:
        """Return the scores after the last click of each session of item numbers."""
        lengths = np.array([len(session) for session in sessions])
        number = np.repeat(np.arange(len(sessions)), lengths)
        first = lengths.cumsum() - lengths
        clicks = np.concatenate(sessions).astype(np.int64)
        place = np.arange(len(clicks))
        device = self._scorer.model.item_embeddings.device
        session, position, items, every, counts = (
            torch.from_numpy(array).to(device)
            for array in (number, place - first[number], clicks, place, lengths)
        )
        longest, shortest = int(lengths.max()), int(lengths.min())
        layout = Layout(session, position, longest, longest == shortest)
        batch = Batch(items, every, layout, session, counts, slice(0, len(clicks)))
        is_last = torch.from_numpy(place == (lengths.cumsum() - 1)[number])
        return self._scorer.score(batch, is_last.to(device))

    def _search(
        self, requests: list[_Known], depth: int
    ) -> list[tuple[list[int], list[float]]]:
        """Return the best items of all, from lists that are `depth` long."""
        depth = min(depth, len(self.item_ids))
        scores = self._score([request.session for request in requests])
        items, values = _first(scores, depth, len(requests))
        return [
            _take(request, row.tolist(), of_row.tolist())
            for request, row, of_row in zip(requests, items, values, strict=True)
        ]

    def _rank_allowed(self, request: _Known) -> tuple[list[int], list[float]]:
        """Return the best of the items that are allowed; all of them are scored."""
        allow = sorted(set(request.allow or ()) - request.exclude)
        if not allow:
            return [], []
        scores = self._score([request.session])
        numbers = torch.tensor(allow, device=scores.hidden.device)
        values, order = scores.of_all(numbers)[0].sort(descending=True, stable=True)
        return _take(request, numbers[order].tolist(), values.tolist())

    def _fall_back(self, request: _Known) -> tuple[list[int], list[float]]:
        """Return what is clicked most of late."""
        order = self._by_popularity[: request.depth]
        if request.allow is not None:
            order = self._by_popularity[np.isin(self._by_popularity, request.allow)]
        return _take(request, order.tolist(), self._popularity[order - 1].tolist())


def _warn_of_unknown(answers: list[Answer]) -> None:
    unknown = sum(len(answer.unknown) for answer in answers)
    if unknown:
        logger.warning(
            "%d clicks are on items that the model does not know, and were skipped; %d "
            "of %d sessions have no other, and get what is clicked most",
            unknown,
            sum(answer.fallback for answer in answers),
            len(answers),
        )


def _first(
    scores: SessionScores, k: int, sessions: int
) -> tuple[Int[np.ndarray, "sessions k"], Float[np.ndarray, "sessions k"]]:
    """Return the k best items of each session, which has at least so many."""
    items, values = scores.best_items(k).first(sessions, k)
    return items.cpu().numpy(), values.cpu().numpy()


def _take(
    request: _Known, items: list[int], scores: list[float]
) -> tuple[list[int], list[float]]:
    """Return the first k that are not excluded."""
    kept = [
        (item, score)
        for item, score in zip(items, scores, strict=True)
        if item not in request.exclude
    ]
    return [item for item, _ in kept[: request.k]], [s for _, s in kept[: request.k]]
