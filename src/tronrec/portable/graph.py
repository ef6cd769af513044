"""A trained model over padded sessions: item numbers in, the best items out.

What `tronrec.models` and `tronrec.retrieval` compute on packed rows is written here for
a rectangle of sessions, which is what a graph with fixed operators can hold. It has the
weights of the model itself. A test holds both to the same scores, for every system.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import relu

from tronrec.model_file import ModelFile
from tronrec.models.ensemble import Ensemble
from tronrec.models.gru import GRU
from tronrec.models.transformer import OUTPUT_SHARE, Block, ItemReadout, Transformer
from tronrec.retrieval.reranker import SHORT, Likeness, Reranked, Reranker, Shortlist
from tronrec.schemas import PADDING


class PaddedRecommender(nn.Module):
    """Scores all items after sessions that are filled up with padding behind."""

    def __init__(self, file: ModelFile, k: int) -> None:
        """Take the weights and the ranking terms of a model.

        Args:
            file: The model.
            k: Length of a list, at most the number of items.
        """
        super().__init__()
        self.model, self.k = file.model, min(k, file.model.num_items)
        self.terms = file.terms
        self.table = file.terms.widen_items(file.model.item_embeddings)
        self.likeness = _DenseLikeness(file.model)
        self.ranking = file.terms.params
        self.gains = torch.tensor(self.ranking.gains_by_lag)
        self.successors = file.terms.successors if self.ranking.successors else None

    def forward(
        self, items: Int[Tensor, "sessions clicks"]
    ) -> tuple[Int[Tensor, "sessions k"], Float[Tensor, "sessions k"]]:
        """Return item numbers and scores of the best items, the best first.

        Args:
            items: Item numbers, the newest last, then padding; at most `window` clicks
                a session, and at least one.
        """
        lengths = (items != PADDING).sum(1)
        vectors = self.model.item_embeddings[items][..., : self.model.vector_size]
        hidden = _encode(self.model.encoder, vectors)
        last = (lengths - 1)[:, None, None].expand(-1, 1, hidden.shape[2])
        scores = self._widen(hidden.gather(1, last)[:, 0]) @ self.table.T[:, 1:]
        if self.ranking.favours_repeats:
            scores = self._add_gains(scores, items, lengths)
        if self.successors is not None:
            clicked = items.gather(1, (lengths - 1)[:, None])[:, 0]
            follow = self.successors.after(clicked, self.ranking.successors)
            places = (follow.items - 1).clamp(min=0)
            scores = scores.scatter_add(1, places, follow.values)
        if self.terms.reranker is not None:
            scores = self._rerank(scores, items, lengths, self.terms.reranker)
        best = scores.topk(self.k, dim=1)
        return best.indices + 1, best.values

    def _widen(
        self, hidden: Float[Tensor, "sessions size"]
    ) -> Float[Tensor, "sessions wider"]:
        """Return hidden states that meet whole rows of the table."""
        return self.terms.widen_hidden(self.model.finish(hidden))

    def _rerank(
        self,
        scores: Float[Tensor, "sessions items"],
        items: Int[Tensor, "sessions clicks"],
        lengths: Int[Tensor, "sessions"],
        reranker: Reranker,
    ) -> Float[Tensor, "sessions items"]:
        """Order the best items anew, before all others."""
        lag = torch.arange(items.shape[1])
        newest_first = items.gather(1, (lengths[:, None] - 1 - lag).clamp(min=0))
        clicks = newest_first.masked_fill(lag >= lengths[:, None], PADDING)
        successors = self.terms.successors
        follow = None if successors is None else successors.after(clicks[:, 0], 1)
        best = scores.topk(min(SHORT, self.model.num_items), dim=1)
        items = best.indices + 1
        alike = self.likeness.of(items, clicks)
        shortlist = Shortlist(
            items, best.values, clicks, follow, alike, self.terms.trend
        )
        reranked = Reranked.of(reranker, shortlist)
        others = torch.minimum(scores - reranked.drop, reranked.worst)
        return others.scatter(1, best.indices, reranked.scores)

    def _add_gains(
        self,
        scores: Float[Tensor, "sessions items"],
        items: Int[Tensor, "sessions clicks"],
        lengths: Int[Tensor, "sessions"],
    ) -> Float[Tensor, "sessions items"]:
        """Add to the session's own items what the last click on each gains."""
        place = torch.arange(items.shape[1])
        lag = (lengths[:, None] - 1 - place).clamp(0, len(self.gains) - 1)
        same = items[:, :, None] == items[:, None, :]
        again = (same & (place[None, :] > place[:, None])).any(2)
        counted = (items != PADDING) & ~again
        logs = same.sum(2).float().log()
        gains = self.gains[lag] + self.ranking.count_gain * logs
        return scores.scatter_add(1, (items - 1).clamp(min=0), gains * counted)


class _DenseLikeness(Likeness):
    """How alike items are, in the operators that a graph can hold."""

    def products(
        self, items: Int[Tensor, "events short"], recent: Int[Tensor, "events recent"]
    ) -> Float[Tensor, "events short recent"]:
        """Return the product of each item's vector with each of some others'."""
        ours, theirs = (self.table[x][..., : self.size] for x in (items, recent))
        return ours @ theirs.transpose(1, 2)


def _encode(
    encoder: nn.Module, vectors: Float[Tensor, "sessions clicks size"]
) -> Float[Tensor, "sessions clicks size"]:
    """Return the hidden state after each click; no click sees a later one."""
    if isinstance(encoder, Ensemble):
        pairs = encoder.by_member(vectors)
        return torch.cat([_encode(member, own) for member, own in pairs], -1)
    if isinstance(encoder, GRU):
        out: Tensor = encoder.unit(vectors.transpose(0, 1))[0]
        return out.transpose(0, 1)
    assert isinstance(encoder, Transformer)
    place = torch.arange(vectors.shape[1])
    later = place[None, :] > place[:, None]
    rows = vectors * encoder.scale + encoder.positions(place)
    for block in encoder.blocks:
        assert isinstance(block, Block)
        rows = _pass_block(block, rows, later)
    hidden: Tensor = encoder.norm(rows)
    if encoder.readout is not None:
        hidden = _read_out(encoder.readout, hidden, vectors, later)
    return hidden


def _attend(
    query: Float[Tensor, "... clicks size"],
    key: Float[Tensor, "... clicks size"],
    value: Float[Tensor, "... clicks size"],
    later: Bool[Tensor, "clicks clicks"],
) -> Float[Tensor, "... clicks size"]:
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    mean: Tensor = scores.masked_fill(later, -torch.inf).softmax(-1) @ value
    return mean


def _pass_block(
    block: Block,
    rows: Float[Tensor, "sessions clicks size"],
    later: Bool[Tensor, "clicks clicks"],
) -> Float[Tensor, "sessions clicks size"]:
    stacked = block.query_key_value(block.attention_norm(rows))
    stacked = stacked.unflatten(-1, (3, block.heads, -1))
    query, key, value = (part.transpose(1, 2) for part in stacked.unbind(2))
    rows = rows + block.attention_out(
        _attend(query, key, value, later).transpose(1, 2).flatten(2)
    )
    narrow: Tensor = block.narrow(relu(block.widen(block.feed_forward_norm(rows))))
    return rows + narrow


def _read_out(
    readout: ItemReadout,
    hidden: Float[Tensor, "sessions clicks size"],
    vectors: Float[Tensor, "sessions clicks size"],
    later: Bool[Tensor, "clicks clicks"],
) -> Float[Tensor, "sessions clicks size"]:
    mean = _attend(readout.query(hidden), readout.key(hidden), vectors, later)
    if readout.output is None:
        return mean
    output: Tensor = readout.output(hidden)
    return mean + OUTPUT_SHARE * output
