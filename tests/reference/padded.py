"""The straightforward training step that a reader of the paper would write.

Sessions padded to the window, dense gradients, dense Adam. It is what the packed step
is timed against.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tronrec.params import SystemParams


class PaddedTron(nn.Module):
    """TRON on [sessions, window] item numbers; 0 is padding, on the right."""

    def __init__(self, params: SystemParams, num_items: int) -> None:
        super().__init__()
        model = params.model
        self.params, self.num_items = params, num_items
        self.items = nn.Embedding(num_items + 1, model.hidden_size, padding_idx=0)
        self.positions = nn.Embedding(model.window, model.hidden_size)
        layer = nn.TransformerEncoderLayer(
            model.hidden_size,
            model.heads,
            model.feed_forward,
            model.dropout,
            batch_first=True,
            norm_first=True,
        )
        norm = nn.LayerNorm(model.hidden_size)
        self.encoder = nn.TransformerEncoder(
            layer, model.layers, norm, enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(model.dropout)
        nn.init.normal_(self.items.weight, std=0.02)

    def forward(self, items: Tensor) -> Tensor:
        length = items.shape[1]
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        rows = self.items(items) * self.params.model.hidden_size**0.5
        rows = self.dropout(rows + self.positions.weight[:length])
        return self.encoder(rows, mask=later)

    def loss(self, sessions: Tensor) -> Tensor:
        """Return the sampled softmax of [sessions, window + 1] clicks."""
        sampling = self.params.sampling
        inputs, targets = sessions[:, :-1], sessions[:, 1:]
        hidden = self(inputs)
        positive = (hidden * self.items(targets)).sum(-1, keepdim=True)
        uniform = torch.randint(1, self.num_items + 1, (sampling.uniform,))
        in_batch = self.draw_in_batch(sessions)
        negative = torch.cat(
            [
                hidden @ self.items(uniform).T,
                hidden @ self.items(in_batch).transpose(1, 2),
            ],
            dim=2,
        )
        drawn = torch.cat([uniform.expand(len(sessions), -1), in_batch], 1)
        hit = drawn[:, None, :] == targets[:, :, None]
        negative = negative.masked_fill(hit, -torch.inf)
        if sampling.top_k is not None:
            negative = negative.topk(sampling.top_k, dim=2).values
        logits = torch.cat([positive, negative], 2)[targets > 0]
        return cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))

    def draw_in_batch(self, sessions: Tensor) -> Tensor:
        """Return clicks of the other sessions, for each session."""
        drawn = []
        for session in range(len(sessions)):
            others = torch.cat([sessions[:session], sessions[session + 1 :]])
            clicks = others[others > 0]
            count = (self.params.sampling.in_batch,)
            drawn.append(clicks[torch.randint(len(clicks), count)])
        return torch.stack(drawn)
