"""The backbone of SASRec and TRON: a causal pre-norm transformer over packed rows.

Paper, section 3: two layers, one head, hidden size 200. Feed-forward with ReLU, learned
positions, item vectors scaled by the root of the hidden size, a final LayerNorm.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from tronrec.models.attention import BlockAttention
from tronrec.models.dropout import dropout
from tronrec.models.layout import Layout
from tronrec.params import ModelParams

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
        self, rows: Float[Tensor, "events size"], attention: BlockAttention
    ) -> Float[Tensor, "events size"]:
        """Return the rows after this block."""
        rate = self.dropout if self.training else 0.0
        attended = self.attend(self.attention_norm(rows), attention, rate)
        rows = rows + dropout(attended, rate)
        wide = relu(self.widen(self.feed_forward_norm(rows)))
        narrow = self.narrow(dropout(wide, rate))
        return rows + dropout(narrow, rate)

    def attend(
        self, rows: Float[Tensor, "events size"], attention: BlockAttention, rate: float
    ) -> Float[Tensor, "events size"]:
        """Attend to the earlier rows of the same session."""
        stacked = self.query_key_value(rows).unflatten(1, (3, self.heads, -1))
        query, key, value = stacked.unbind(1)
        weights = dropout(attention.attention_weights(query, key), rate)
        out: Tensor = self.attention_out(attention.weighted_sum(weights, value))
        return out


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
        attention: BlockAttention,
    ) -> Float[Tensor, "events size"]:
        """Return the mean of each row, and with `both` the sum."""
        rate = self.dropout if self.training else 0.0
        query, key, value = self.query(hidden), self.key(hidden), dropout(vectors, rate)
        weights = attention.attention_weights(query[:, None], key[:, None])
        mean = attention.weighted_sum(weights, value[:, None])
        return (
            mean if self.output is None else mean + OUTPUT_SHARE * self.output(hidden)
        )


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
        attention = BlockAttention(layout)
        for block in self.blocks:
            rows = block(rows, attention)
        hidden: Tensor = self.norm(rows)
        if self.readout is not None:
            hidden = self.readout(hidden, vectors, attention)
        return hidden
