"""The backbone of SASRec and TRON: a causal pre-norm transformer over packed rows.

Paper, section 3: two layers, one head, hidden size 200. Feed-forward with ReLU, learned
positions, item vectors scaled by the root of the hidden size, a final LayerNorm.
"""

import math
from functools import reduce

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import relu

from tronrec.models.attention import Attention, BlockAttention, PairAttention
from tronrec.models.dropout import dropout
from tronrec.models.last_rows import LastRows
from tronrec.models.layout import Layout
from tronrec.models.repeated_rows import RepeatedRows
from tronrec.ops.packed_attention import has_loops
from tronrec.params import ModelParams

FEW = 128
"""Rows of which all are seen at once where nothing is trained: it takes longer to cut
them into blocks than to compute too much."""
OUTPUT_SHARE = 0.1
"""Of the transformer's output beside the mean of items of length 1, to begin with."""


class Block(nn.Module):
    """Self-attention and feed-forward, each after a norm and inside a residual."""

    def __init__(self, params: ModelParams) -> None:
        super().__init__()
        size = params.hidden_size
        self.heads = params.heads
        self.dropout = params.dropout
        self.attention_norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.attention_out = nn.Linear(size, size)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.widen = nn.Linear(size, params.feed_forward)
        self.narrow = nn.Linear(params.feed_forward, size)

    def forward(
        self, rows: Float[Tensor, "events size"], attention: Attention
    ) -> Float[Tensor, "events size"]:
        """Return the rows after this block."""
        stacked = self.query_key_value(self.attention_norm(rows))
        return self._attend(rows, stacked, attention)

    def forward_repeated(
        self, repeated: RepeatedRows, attention: BlockAttention
    ) -> Float[Tensor, "events size"]:
        """Return the same without dropout, for rows that are sums of few vectors.

        Their values are carried through `attention_out` first: weights of a row sum to
        1, so its bias can be part of them.
        """
        linear, out, heads = self.query_key_value, self.attention_out, self.heads
        size = out.in_features
        query_key, of_value = torch.split(linear.weight, [2 * size, size])
        carried = torch.einsum(
            "xhd,hdy->hxy",
            torch.unflatten(out.weight, 1, (heads, -1)),
            torch.unflatten(of_value, 0, (heads, -1)),
        )
        constant = out(linear.bias[2 * size :]) / heads
        stacked = repeated.project(
            self.attention_norm,
            torch.cat([query_key, carried.flatten(0, 1)]),
            torch.cat([linear.bias[: 2 * size], constant.repeat(heads)]),
        )
        parts = torch.split(stacked, [size, size, heads * size], 1)
        query, key, value = (torch.unflatten(x, 1, (heads, -1)) for x in parts)
        weights = attention.attention_weights(query, key)
        attended = torch.split(attention.weighted_sum(weights, value), size, 1)
        return self._feed_forward(reduce(Tensor.add, attended, repeated.rows), 0.0)

    def forward_last(
        self, rows: Float[Tensor, "events size"], last: LastRows
    ) -> Float[Tensor, "sessions size"]:
        """Return the last row of each session after this block, without dropout."""
        normed, linear = self.attention_norm(rows), self.query_key_value
        weights = torch.unflatten(linear.weight, 0, (3, self.heads, -1))
        biases = torch.unflatten(linear.bias, 0, (3, self.heads, -1))
        ends, together = rows[last.ends], last.together(normed)
        query = torch.einsum("sx,hdx->shd", normed[last.ends], weights[0]) + biases[0]
        query = query * query.shape[-1] ** -0.5
        carried = torch.einsum("shd,hdx->shx", query, weights[1])
        means = last.means(carried, together, together)
        value = torch.einsum("shx,hdx->shd", means, weights[2]) + biases[2]
        return self._feed_forward(ends + self.attention_out(value.flatten(1)), 0.0)

    def _attend(
        self,
        rows: Float[Tensor, "events size"],
        stacked: Float[Tensor, "events three_sizes"],
        attention: Attention,
    ) -> Float[Tensor, "events size"]:
        """Attend to the earlier rows of the same session, and feed forward."""
        rate = self.dropout if self.training else 0.0
        parts = torch.unflatten(stacked, 1, (3, self.heads, -1))
        attended = self.attention_out(attention.attend(parts, rate))
        return self._feed_forward(rows + dropout(attended, rate), rate)

    def _feed_forward(
        self, rows: Float[Tensor, "rows size"], rate: float
    ) -> Float[Tensor, "rows size"]:
        wide = relu(self.widen(self.feed_forward_norm(rows)), inplace=True)
        narrow = self.narrow(dropout(wide, rate))
        return rows + dropout(narrow, rate)


class ItemReadout(nn.Module):
    """A mean of the item vectors up to each row, weighted by attention.

    The hidden state then lies among the items that it is compared with (CORE, Hou et
    al., 2022, section 3.2; weights here depend on no later click). With readout `both`
    the transformer's output, which can point elsewhere, is added.
    """

    def __init__(self, params: ModelParams) -> None:
        super().__init__()
        self.dropout = params.item_dropout
        self.query = nn.Linear(params.hidden_size, params.hidden_size)
        self.key = nn.Linear(params.hidden_size, params.hidden_size)
        self.output = None
        if params.readout == "both":
            self.output = nn.Linear(params.hidden_size, params.hidden_size)

    def forward(
        self,
        hidden: Float[Tensor, "events size"],
        vectors: Float[Tensor, "events size"],
        attention: Attention,
    ) -> Float[Tensor, "events size"]:
        """Return the mean of each row, and with `both` the sum."""
        rate = self.dropout if self.training else 0.0
        query, key, value = self.query(hidden), self.key(hidden), dropout(vectors, rate)
        parts = torch.stack([query, key, value.to(query.dtype)], 1)[:, :, None]
        return self._add_output(attention.attend(parts, 0.0), hidden)

    def forward_last(
        self,
        hidden: Float[Tensor, "events size"],
        vectors: Float[Tensor, "events size"],
        last: LastRows,
    ) -> Float[Tensor, "sessions size"]:
        """Return the mean of the last row of each session, without dropout."""
        ends = hidden[last.ends]
        query = self.query(ends) * hidden.shape[1] ** -0.5
        carried = (query @ self.key.weight)[:, None]
        keys, values = last.together(hidden), last.together(vectors)
        return self._add_output(last.means(carried, keys, values)[:, 0], ends)

    def _add_output(
        self, mean: Float[Tensor, "rows size"], hidden: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows size"]:
        if self.output is None:
            return mean
        added: Tensor = mean + OUTPUT_SHARE * self.output(hidden)
        return added


class Transformer(nn.Module):
    """Item vectors of packed sessions in, one hidden state per row out."""

    def __init__(self, params: ModelParams) -> None:
        super().__init__()
        self.scale = math.sqrt(params.hidden_size)
        self.dropout = params.dropout
        self.positions = nn.Embedding(params.window, params.hidden_size)
        self.blocks = nn.ModuleList(Block(params) for _ in range(params.layers))
        self.norm = nn.LayerNorm(params.hidden_size)
        self.reset_parameters()
        self.readout = None if params.readout == "state" else ItemReadout(params)

    def reset_parameters(self) -> None:
        """Draw the initial weights."""
        nn.init.normal_(self.positions.weight, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(
        self, vectors: Float[Tensor, "events size"], layout: Layout
    ) -> Float[Tensor, "events size"]:
        """Return the hidden state of every row; no row sees a later one."""
        rows = vectors * self.scale + self.positions(layout.position)
        rows = dropout(rows, self.dropout if self.training else 0.0)
        attention: Attention
        if self.training and has_loops(vectors):
            attention = PairAttention(layout)
        else:
            attention = BlockAttention(layout, 0 if self.training else FEW)
        for block in self.blocks:
            rows = block(rows, attention)
        hidden: Tensor = self.norm(rows)
        if self.readout is not None:
            hidden = self.readout(hidden, vectors, attention)
        return hidden

    def last_states(
        self,
        vectors: Float[Tensor, "clicked size"],
        row: Int[Tensor, "events"],
        layout: Layout,
    ) -> Float[Tensor, "sessions size"]:
        """Return the hidden state of the last row of each session, without dropout.

        All but the last block need all rows; where the readout reads the states of all
        rows, so does the last.
        """
        places = self.positions.weight[: layout.longest]
        repeated = RepeatedRows(vectors * self.scale, places, row, layout.position)
        attention, last = BlockAttention(layout), LastRows(layout)
        *blocks, final = self.blocks
        rows = repeated.rows
        for number, block in enumerate(blocks):
            assert isinstance(block, Block)
            if number == 0 and repeated.pays:
                rows = block.forward_repeated(repeated, attention)
            else:
                rows = block(rows, attention)
        assert isinstance(final, Block)
        if self.readout is None:
            ends: Tensor = self.norm(final.forward_last(rows, last))
            return ends
        hidden = self.norm(final(rows, attention))
        return self.readout.forward_last(hidden, vectors[row], last)
