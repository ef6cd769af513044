"""The best items of each event, looked at once more: a second stage of the ranking.

A score is a sum, and not all of what decides the order of the first few items is one:
going back may count for more the longer a visitor has turned the same items over, and
a frequent successor for less where the model is sure. So a small network
looks at what is known of each of the best 64 items of an event, and orders these anew
(two-stage ranking: Covington et al., 2016, https://doi.org/10.1145/2959100.2959190). It
learns from held-out sessions (`tronrec.evaluation.reranking`), since what training
sessions show is not how good the scores are in new ones.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import silu

from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.models.recommender import Recommender
from tronrec.ops.pair_products import pair_products
from tronrec.retrieval.gains import Gains
from tronrec.schemas import PADDING

SHORT = 64
"""Items of an event that are ordered anew."""
RECENT = 4
"""Newest clicks of a session, to which each of them is compared."""
FEATURES = 14 + RECENT
"""Numbers that are known of each of them (`Shortlist.features`)."""
HIDDEN = 32
"""Width of the network's two layers."""
SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (FEATURES, HIDDEN),
    (HIDDEN,),
    (HIDDEN, HIDDEN),
    (HIDDEN,),
    (HIDDEN,),
)
"""Of the parts of a network."""


@dataclass(frozen=True)
class Network:
    """The weights: two layers, and a sum beside them."""

    score: Float[Tensor, ""]
    """What the score of the first stage counts beside the layers."""
    first: Float[Tensor, "features hidden"]
    first_bias: Float[Tensor, "hidden"]
    second: Float[Tensor, "hidden hidden"]
    second_bias: Float[Tensor, "hidden"]
    last: Float[Tensor, "hidden"]

    def __call__(self, features: Float[Tensor, "... features"]) -> Float[Tensor, "..."]:
        """Return the score of items; the first feature is that of the first stage."""
        rows = silu(features @ self.first + self.first_bias)
        rows = silu(rows @ self.second + self.second_bias)
        scores: Tensor = rows @ self.last + self.score * features[..., 0]
        return scores

    def to(self, device: torch.device) -> Self:
        """Return the same on a device."""
        return type(self)(*(part.to(device) for part in vars(self).values()))

    def encode(self) -> str:
        """Return the weights as text: base64 of float32, one after the other."""
        parts = [part.reshape(-1) for part in vars(self).values()]
        numbers = torch.cat(parts).cpu().numpy().astype("<f4")
        return base64.b64encode(numbers.tobytes()).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the network of a text, in float64.

        Raises:
            UserError: The text is not that of a network.
        """
        sizes = [math.prod(shape) for shape in SHAPES]
        try:
            numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
        except ValueError:
            numbers = np.zeros(0)
        if len(numbers) != sum(sizes) or not np.isfinite(numbers).all():
            raise UserError(
                f"ranking.reranker ({text[:20]}...) does not hold {sum(sizes):,} "
                "finite numbers; run train_* again, which fits it anew, or set it to "
                "null"
            )
        parts = np.split(numbers.astype(np.float64), np.cumsum(sizes)[:-1])
        pairs = zip(parts, SHAPES, strict=True)
        return cls(*(torch.from_numpy(part.reshape(shape)) for part, shape in pairs))


class Likeness:
    """How alike items are: the cosine of their vectors.

    The hidden state says what follows the session as a whole. An item that is like one
    of the clicks, and unlike the others, it may rate low.
    """

    def __init__(self, model: Recommender) -> None:
        """Take the item table of a model, which does not change."""
        self.table, self.size = model.item_embeddings, model.vector_size
        lengths = self.table[:, : self.size].norm(dim=1)
        self.lengths = lengths.double().clamp(min=1e-30)

    def of(
        self, items: Int[Tensor, "events short"], clicks: Int[Tensor, "events clicks"]
    ) -> Float[Tensor, "events short recent"]:
        """Return, in float64, how alike items and those of the newest clicks are.

        They are the same in any company of other events.

        Args:
            items: Some items of each event.
            clicks: Items clicked up to it, the newest first, then padding.
        """
        recent = _newest(clicks)
        lengths = self.lengths[items][:, :, None] * self.lengths[recent][:, None]
        cosines: Tensor = self.products(items, recent).double() / lengths
        return cosines

    def products(
        self, items: Int[Tensor, "events short"], recent: Int[Tensor, "events recent"]
    ) -> Float[Tensor, "events short recent"]:
        """Return the product of each item's vector with each of some others'."""
        shape = *items.shape, recent.shape[1]
        pairs = items[:, :, None].expand(shape), recent[:, None].expand(shape)
        rows, vectors = (x.reshape(-1) for x in pairs), self.table[:, : self.size]
        return pair_products(vectors, vectors, *rows).view(shape)


@dataclass(frozen=True)
class Shortlist:
    """The best items of some events, and what the second stage knows of them."""

    items: Int[Tensor, "events short"]
    """Item numbers, the best of the first stage first."""
    scores: Float[Tensor, "events short"]
    """Their scores in the first stage."""
    clicks: Int[Tensor, "events clicks"]
    """Items clicked up to the event, the newest first, then padding."""
    follow: Gains | None
    """What is likely to follow the last click, with a weight of 1."""
    likeness: Float[Tensor, "events short recent"]
    """How alike each item and those of the newest clicks are (`Likeness`)."""
    trend: Float[Tensor, "rows"] | None
    """The trend of each item, if the first stage has one."""

    def features(
        self, popularity: Float[Tensor, "rows"]
    ) -> Float[Tensor, "events short features"]:
        """Return what is known of each item, in float64.

        Its score, also by the best of the list and by the list's log-sum-exp; whether
        the last click, the one before it, or an earlier one is on it; the logarithm of
        its clicks in the session; what it gains as a successor; its trend; how popular
        it and the item of the last click are; the logarithms of the session's clicks
        and of their items; and how alike it is to the most similar of the newest
        clicks' items, and to each, 0 where there are not so many clicks.

        Args:
            popularity: Of each item (`count_popularity`).
        """
        scores = self.scores.double()
        same = self.clicks[:, :, None] == self.items[:, None]
        counts = same.sum(1)
        place = torch.arange(self.clicks.shape[1], 0, -1, device=same.device)
        newest = (same * place[:, None]).amax(1)
        lag = torch.where(counts > 0, 1 + place[0] - newest, 0)
        follows = torch.zeros_like(scores)
        if self.follow is not None:
            follows = follows + self.follow.of_each(self.items).double()
        trend = torch.zeros_like(scores)
        if self.trend is not None:
            trend = trend + self.trend[self.items].double()
        length, distinct = (self.clicks != PADDING).sum(1), _distinct(self.clicks)
        sizes = (length.double().log(), distinct.double().log())
        of_event = (popularity[self.clicks[:, 0]], *sizes)
        none = (_newest(self.clicks) == PADDING)[:, None]
        parts = (
            scores,
            scores - scores.amax(1, keepdim=True),
            scores - scores.logsumexp(1, keepdim=True),
            *(lag == 1, lag == 2, lag > 2),  # noqa: PLR2004
            counts.clamp(min=1).double().log(),
            follows,
            trend,
            popularity[self.items],
            *(part[:, None].expand(scores.shape) for part in of_event),
            self.likeness.masked_fill(none, -1).amax(2),
            *self.likeness.masked_fill(none, 0).unbind(2),
        )
        return torch.stack([part.double() for part in parts], 2)


def _newest(clicks: Int[Tensor, "events clicks"]) -> Int[Tensor, "events recent"]:
    """Return the newest clicks, then padding."""
    padding = torch.full_like(clicks[:, :1], PADDING).expand(-1, RECENT)
    return torch.cat([clicks, padding], 1)[:, :RECENT]


def _distinct(clicks: Int[Tensor, "events clicks"]) -> Int[Tensor, "events"]:
    """Return how many items there are, but for padding."""
    ordered = clicks.sort(1).values  # padding comes first
    changes = (ordered[:, 1:] != ordered[:, :-1]).sum(1)
    return changes + (ordered[:, 0] != PADDING)


@dataclass(frozen=True)
class Reranker:
    """The second stage, for the items of a catalogue."""

    network: Network
    popularity: Float[Tensor, "rows"]
    """Of each item (`count_popularity`)."""

    def to(self, device: torch.device) -> Self:
        """Return the same on a device."""
        return type(self)(self.network.to(device), self.popularity.to(device))

    def score(self, shortlist: Shortlist) -> Float[Tensor, "events short"]:
        """Return the scores that decide, in float32.

        They are computed in float64, so that they do not depend on how many are
        computed at once.
        """
        return self.network(shortlist.features(self.popularity)).float()


@dataclass(frozen=True)
class Reranked:
    """The best items of some events in their new order, and where others stand."""

    items: Int[Tensor, "events short"]
    scores: Float[Tensor, "events short"]
    """Scores of the second stage."""
    drop: Float[Tensor, "events 1"]
    """What any other item's score loses, so that none comes before one of these."""
    worst: Float[Tensor, "events 1"]
    """The least score of these, which others do not exceed by rounding either."""

    @classmethod
    def of(cls, reranker: Reranker, shortlist: Shortlist) -> Self:
        """Order the best items of events anew."""
        scores = reranker.score(shortlist)
        least, worst = (x.amin(1, keepdim=True) for x in (shortlist.scores, scores))
        return cls(shortlist.items, scores, least - worst, worst)

    def behind(
        self, first: Float[Tensor, "..."], event: Int[Tensor, "..."]
    ) -> Float[Tensor, "..."]:
        """Return the final scores of items that are not of these.

        Args:
            first: Their scores of the first stage.
            event: The event of each.
        """
        return torch.minimum(first - self.drop[event, 0], self.worst[event, 0])

    def scores_of(
        self,
        items: Int[Tensor, "events some"],
        first: Float[Tensor, "events some"],
    ) -> Float[Tensor, "events some"]:
        """Return the final scores of some items, from those of the first stage."""
        ordered, order = self.items.sort(1)
        place = torch.searchsorted(ordered, items.contiguous())
        place = place.clamp(max=ordered.shape[1] - 1)
        second = self.scores.gather(1, order.gather(1, place))
        event = torch.arange(len(items), device=items.device)[:, None]
        others = self.behind(first, event)
        return torch.where(ordered.gather(1, place) == items, second, others)


def count_popularity(
    sessions: Sequence[PackedSessions], num_items: int
) -> Float[Tensor, "rows"]:
    """Return the logarithm of the clicks on each item, by those on one in the mean."""
    counts = np.full(num_items + 1, 0.5)
    for part in sessions:
        counts += np.bincount(np.asarray(part.items), minlength=num_items + 1)
    counts[PADDING] = mean = counts[PADDING + 1 :].mean()
    return torch.from_numpy(np.log(counts / mean).astype(np.float32))
