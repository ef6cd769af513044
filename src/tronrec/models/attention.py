"""Causal attention inside sessions: over blocks of packed rows, or over their pairs."""

from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

from tronrec.models.dropout import dropout, dropped_levels
from tronrec.models.layout import Layout
from tronrec.ops.packed_attention import Pairs, packed_attention


class Attention(Protocol):
    """Causal attention inside the sessions of a layout."""

    def attend(
        self, rows: Float[Tensor, "events 3 heads size"], rate: float
    ) -> Float[Tensor, "events heads*size"]:
        """Return, for each row, the values it attends to, summed by their weights.

        Args:
            rows: Query, key and value of each row.
            rate: Of weights, which dropout sets to zero.
        """
        ...


class BlockAttention:
    """Causal attention inside sessions over blocks of packed rows.

    A block has as many rows as the longest session of the batch, which lies therefore
    in at most two consecutive blocks. The queries of a block need the keys of that
    block and of the one before it, and nothing else: [blocks, block, 2 * block] scores,
    linear in the number of rows, whatever the lengths of the sessions. Where all are
    equally long, a block is a session, and has its keys to itself; and so has the one
    block of a few rows.
    """

    def __init__(self, layout: Layout, few: int = 0) -> None:
        """Build the mask once; all layers share it.

        Args:
            layout: Where the rows stand.
            few: Rows up to which all of them are one block.
        """
        self.events = len(layout.session)
        is_few = 0 < self.events <= few
        self.block = block = self.events if is_few else layout.longest
        self.blocks = -(-self.events // block)
        self._missing = self.blocks * block - self.events
        self._alone = layout.equal or is_few
        row = torch.arange(block, device=layout.session.device)
        self.forbidden: Bool[Tensor, "blocks 1 block keys"]
        if self._alone:
            later = row > row[:, None]
            if is_few:
                later |= layout.session != layout.session[:, None]
            self.forbidden = later[None, None]
            return
        session = pad(layout.session, (0, self._missing), value=-1)
        queries = session.view(self.blocks, block)
        before = torch.cat([torch.full_like(queries[:1], -2), queries[:-1]])
        keys = torch.cat([before, queries], dim=1)
        same = queries[:, :, None] == keys[:, None, :]
        causal = torch.arange(2 * block, device=session.device) <= row[:, None] + block
        self.forbidden = ~(same & causal)[:, None]

    def attend(
        self, rows: Float[Tensor, "events 3 heads size"], rate: float
    ) -> Float[Tensor, "events heads*size"]:
        """Return, for each row, the values it attends to, summed by their weights."""
        query, key, value = rows.unbind(1)
        weights = dropout(self.attention_weights(query, key), rate)
        return self.weighted_sum(weights, value)

    def attention_weights(
        self,
        query: Float[Tensor, "events heads size"],
        key: Float[Tensor, "events heads size"],
    ) -> Float[Tensor, "blocks heads block keys"]:
        """Return how much each row attends to each row of its two blocks.

        Weights of a row sum to 1; rows of other sessions and later ones have 0.
        """
        scores = self.queries(query * query.shape[-1] ** -0.5) @ self.keys(key).mT
        scores = scores.masked_fill(self.forbidden, -torch.inf)
        precise = torch.promote_types(scores.dtype, torch.float32)
        return scores.softmax(-1, dtype=precise)

    def weighted_sum(
        self,
        weights: Float[Tensor, "blocks heads block keys"],
        value: Float[Tensor, "events heads size"],
    ) -> Float[Tensor, "events heads*size"]:
        """Return, for each row, the values it attends to, summed by their weights."""
        return self.packed(weights @ self.keys(value))

    def queries(
        self, rows: Float[Tensor, "events heads size"]
    ) -> Float[Tensor, "blocks heads block size"]:
        """Cut packed rows into blocks."""
        _, heads, size = rows.shape
        if self._missing:
            rows = pad(rows, (0, 0, 0, 0, 0, self._missing))
        return rows.view(self.blocks, self.block, heads, size).transpose(1, 2)

    def keys(
        self, rows: Float[Tensor, "events heads size"]
    ) -> Float[Tensor, "blocks heads keys size"]:
        """Cut packed rows into blocks, each after the block before it, if need be."""
        if self._alone:
            return self.queries(rows)
        _, heads, size = rows.shape
        rows = pad(rows, (0, 0, 0, 0, self.block, self._missing))
        blocks = rows.view(self.blocks + 1, self.block, heads, size)
        return torch.cat([blocks[:-1], blocks[1:]], dim=1).transpose(1, 2)

    def packed(
        self, blocks: Float[Tensor, "blocks heads block size"]
    ) -> Float[Tensor, "events heads*size"]:
        """Undo `queries`: packed rows with their heads side by side."""
        rows = blocks.transpose(1, 2).reshape(self.blocks * self.block, -1)
        return rows[: self.events]


class PairAttention:
    """Causal attention over the pairs of rows that there are, for a training on a CPU.

    Compiled loops need neither blocks nor a mask. A GPU, and what is exported, have
    none.
    """

    def __init__(self, layout: Layout) -> None:
        """Find the pairs once; all layers share them."""
        self.pairs = Pairs.of(layout.session)

    def attend(
        self, rows: Float[Tensor, "events 3 heads size"], rate: float
    ) -> Float[Tensor, "events heads*size"]:
        """Return, for each row, the values it attends to, summed by their weights."""
        precise = torch.promote_types(rows.dtype, torch.float32)
        attended = packed_attention(rows.to(precise), self.pairs, dropped_levels(rate))
        return attended.flatten(1)
