"""The backbone of SASRec and TRON: a causal pre-norm transformer over packed rows.

Paper, section 3: two layers, one head, hidden size 200. Feed-forward with ReLU, learned
positions, item vectors scaled by the root of the hidden size, a final LayerNorm.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from tronrec.models.dropout import dropout
from tronrec.models.layout import BlockMask, Layout
from tronrec.params import ModelParams


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
        self, rows: Float[Tensor, "events size"], mask: BlockMask
    ) -> Float[Tensor, "events size"]:
        """Return the rows after this block."""
        rate = self.dropout if self.training else 0.0
        attended = self.attend(self.attention_norm(rows), mask, rate)
        rows = rows + dropout(attended, rate)
        wide = relu(self.widen(self.feed_forward_norm(rows)))
        narrow = self.narrow(dropout(wide, rate))
        return rows + dropout(narrow, rate)

    def attend(
        self, rows: Float[Tensor, "events size"], mask: BlockMask, rate: float
    ) -> Float[Tensor, "events size"]:
        """Attend to the earlier rows of the same session."""
        stacked = self.query_key_value(rows).unflatten(1, (3, self.heads, -1))
        query, key, value = stacked.unbind(1)
        queries = mask.queries(query * query.shape[-1] ** -0.5)
        scores = queries @ mask.keys(key).transpose(2, 3)
        scores = scores.masked_fill(mask.forbidden, -math.inf)
        shares = scores.softmax(-1, dtype=rows.dtype)
        attended = dropout(shares, rate) @ mask.keys(value)
        out: Tensor = self.attention_out(mask.packed(attended))
        return out


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
        mask = BlockMask(layout)
        for block in self.blocks:
            rows = block(rows, mask)
        hidden: Tensor = self.norm(rows)
        return hidden
