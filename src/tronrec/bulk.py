"""Recommendations for every session of a clicks table, in parts that outlast a kill.

The table is read part by part, so memory does not depend on its size. The name of a
part tells of which model, parameters and clicks it is, so that a run knows which parts
of an earlier one it can keep.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int, Shaped

from tronrec.checkpoint import Checkpoint
from tronrec.data.clicks import SessionBlock, count_clicks, read_sessions
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.errors import UserError
from tronrec.model_file import ModelFile
from tronrec.params import RecommendationParams
from tronrec.progress import Progress
from tronrec.recommend import TrainedModel
from tronrec.schemas import INDEX, ITEM, SESSION

Parts = dict[str, pl.DataFrame | None]
"""Name -> rows; None: the part is of an earlier run and has to go."""


@dataclass(frozen=True)
class Counts:
    """What became of the sessions and clicks."""

    sessions: int = 0
    recommended_sessions: int = 0
    skipped_sessions: int = 0
    """Sessions without an item that the model knows."""
    clicks: int = 0
    skipped_clicks: int = 0
    """Clicks on items that the model does not know."""

    def __add__(self, other: Self) -> Self:
        """Return the counts of both."""
        mine, theirs = asdict(self), asdict(other)
        return type(self)(**{name: mine[name] + theirs[name] for name in mine})

    def to_record(self) -> dict[str, int]:
        """Return the counts by their names."""
        return asdict(self)


class BulkRecommender:
    """A trained model that recommends to many sessions at once."""

    def __init__(
        self, checkpoint: Checkpoint, params: RecommendationParams, device: str
    ) -> None:
        """Prepare the model.

        Args:
            checkpoint: The model.
            params: How many items, and which.
            device: `cpu`, `cuda` or `auto`.
        """
        target = choose_device(device)
        file = ModelFile.read(checkpoint)
        self.params = params
        self.recipe = _recipe(checkpoint, params, target.type)
        self.items = file.item_ids
        self.model = TrainedModel(file, target, params.search)
        numbers = np.arange(1, len(self.items) + 1, dtype=np.int32)
        self._index = pl.DataFrame({ITEM: self.items, INDEX: numbers}).lazy()

    def recommend(
        self, clicks: pl.LazyFrame, made: Collection[str] = ()
    ) -> Iterator[tuple[Parts, Counts]]:
        """Yield the parts that are not made yet, and what was counted so far.

        Args:
            clicks: The clicks; those of a session stand together.
            made: Names of the parts of an earlier run.

        Raises:
            UserError: There are no clicks, or their ids are of another type than those
                that the model was trained on.
        """
        self._check(clicks)
        yield {name: None for name in made if self.recipe not in name}, Counts()
        names, counts = set(), Counts()
        with Progress("recommending", count_clicks(clicks), "clicks") as progress:
            for number, part in enumerate(self._read(clicks)):
                name = f"{number:06}-{self.recipe}-{_digest(part.clicks)}"
                names.add(name)
                known, lengths = _known(part)
                counts += _count(part, lengths)
                rows = None if name in made else self._rank(part, known, lengths)
                yield {} if rows is None else {name: rows}, counts
                progress.update(part.clicks.height)
        yield {name: None for name in made if name not in names}, counts

    def _check(self, clicks: pl.LazyFrame) -> None:
        found = clicks.collect_schema()[ITEM]
        if found != self.items.dtype:
            raise UserError(
                f"The live sessions have items of type {found}, and the model's are "
                f"{self.items.dtype}; take clicks of the shop that it was trained on"
            )
        if not count_clicks(clicks):
            raise UserError("The live sessions have no clicks; name other files")

    def _read(self, clicks: pl.LazyFrame) -> Iterator[SessionBlock]:
        """Yield parts of equally many sessions, whatever the blocks that are read."""
        size = self.params.sessions_of_a_part
        numbered = clicks.join(
            self._index, on=ITEM, how="left", maintain_order="left"
        ).select(SESSION, ITEM, INDEX)
        rest: list[pl.DataFrame] = []
        waiting = 0
        for block in read_sessions(numbered):
            begin = 0
            for end in range(size - waiting, len(block.lengths) + 1, size):
                rest.append(block.clicks[block.bounds[begin] : block.bounds[end]])
                yield SessionBlock.of(pl.concat(rest))
                rest, waiting, begin = [], 0, end
            rest.append(block.clicks[block.bounds[begin] :])
            waiting += len(block.lengths) - begin
        if waiting:
            yield SessionBlock.of(pl.concat(rest))

    def _rank(
        self,
        part: SessionBlock,
        known: Int[np.ndarray, "clicks"],
        lengths: Int[np.ndarray, "sessions"],
    ) -> pl.DataFrame:
        """Return the rows of a part: the sessions in their order, the best item first.

        Sessions of about the same length are ranked together.
        """
        ids = part.first(SESSION)
        offsets = np.concatenate(([0], lengths.cumsum()))
        order = np.flatnonzero(lengths)
        order = order[lengths[order].argsort(kind="stable")]
        found = [_rows(order[:0], np.empty((0, 0)), np.empty((0, 0)))]
        for begin in range(0, len(order), self.params.batch_size):
            chosen = order[begin : begin + self.params.batch_size]
            found.append(_rows(chosen, *self._best(_pick(known, offsets, chosen))))
        session, rank, item, score = (
            np.concatenate(column) for column in zip(*found, strict=True)
        )
        back = session.argsort(kind="stable")
        return pl.DataFrame(
            {
                "session": ids.gather(session[back]),
                "rank": rank[back].astype(np.int32),
                "item": self.items.gather(item[back] - 1),
                "score": score[back].astype(np.float32),
            }
        )

    def _best(
        self, sessions: PackedSessions
    ) -> tuple[Int[np.ndarray, "sessions k"], Float[np.ndarray, "sessions k"]]:
        """Return the best items of each session and their scores; 0: no item is left.

        Where items of the session are not recommended, lists are as much longer as a
        session of the batch has clicks.
        """
        total = len(self.items)
        k = min(self.params.k, total)
        if not self.params.exclude_seen:
            return self.model.best_items(sessions, k)
        deep = min(k + int(np.diff(sessions.offsets).max()), total)
        items, scores = self.model.best_items(sessions, deep)
        items = np.where(_is_seen(items, sessions), 0, items)
        order = (items == 0).argsort(axis=1, kind="stable")[:, :k]
        return (
            np.take_along_axis(items, order, 1),
            np.take_along_axis(scores, order, 1),
        )


def _recipe(checkpoint: Checkpoint, params: RecommendationParams, device: str) -> str:
    """Return what identifies a model, and what of its lists was asked for."""
    digest = hashlib.sha256(checkpoint.card.model_dump_json().encode())
    digest.update(f"{params.model_dump_json()} {device}".encode())
    for name, tensor in sorted(checkpoint.tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:16]


def _digest(clicks: pl.DataFrame) -> str:
    """Return what identifies the clicks of a part."""
    table = clicks.select(SESSION, ITEM).rechunk()
    return hashlib.sha256(table.write_ipc(None).getbuffer()).hexdigest()[:16]


def _known(
    part: SessionBlock,
) -> tuple[Int[np.ndarray, "clicks"], Int[np.ndarray, "sessions"]]:
    """Return the numbers of the clicks on known items, and how many a session has."""
    numbers = part.clicks[INDEX]
    is_known = numbers.is_not_null().to_numpy()
    before = np.concatenate(([0], is_known.cumsum()))
    return numbers.drop_nulls().to_numpy(), np.diff(before[part.bounds])


def _count(part: SessionBlock, lengths: Int[np.ndarray, "sessions"]) -> Counts:
    recommended = int((lengths > 0).sum())
    return Counts(
        sessions=len(lengths),
        recommended_sessions=recommended,
        skipped_sessions=len(lengths) - recommended,
        clicks=part.clicks.height,
        skipped_clicks=part.clicks.height - int(lengths.sum()),
    )


def _pick(
    clicks: Int[np.ndarray, "clicks"],
    offsets: Int[np.ndarray, "bounds"],
    chosen: Int[np.ndarray, "sessions"],
) -> PackedSessions:
    """Return some of the sessions, packed."""
    starts, lengths = offsets[chosen], offsets[chosen + 1] - offsets[chosen]
    ends = np.concatenate(([0], lengths.cumsum()))
    rows = np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1])
    return PackedSessions(clicks[rows].astype(np.int32), ends.astype(np.int64))


def _is_seen(
    items: Int[np.ndarray, "sessions deep"], sessions: PackedSessions
) -> Bool[np.ndarray, "sessions deep"]:
    """Return which items of each list its session has clicked."""
    number = np.arange(len(sessions))
    clicked = np.repeat(number, np.diff(sessions.offsets)) << 32 | sessions.items
    return np.isin(number[:, None] << 32 | items, clicked)


def _rows(
    session: Int[np.ndarray, "sessions"],
    items: Int[np.ndarray, "sessions k"],
    scores: Float[np.ndarray, "sessions k"],
) -> tuple[Shaped[np.ndarray, "rows"], ...]:
    """Return session, rank, item and score of every item that is one."""
    listed = items > 0
    rank = np.broadcast_to(np.arange(1, items.shape[1] + 1), items.shape)
    return (
        np.repeat(session, listed.sum(1)),
        rank[listed],
        items[listed].astype(np.int64),
        scores[listed],
    )
