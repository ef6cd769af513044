"""An encoder with its item table: everything of a system that is trained.

The item table is input and output embedding in one. It is kept outside autograd,
because a step touches a few thousand of its rows; the training step writes their
gradient itself.
"""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tronrec.models.encoder import Encoder, choose_encoder
from tronrec.models.layout import Layout
from tronrec.ops.unit_rows import scale_to_length_one, unit_parts
from tronrec.params import ModelParams
from tronrec.schemas import PADDING

INITIAL_STD = 0.02
"""Of item vectors. Input and output share the table, so larger ones make an untrained
model repeat the last click, which takes epochs to unlearn."""


class Recommender(nn.Module):
    """Scores items for the next click of a session."""

    def __init__(self, params: ModelParams, num_items: int) -> None:
        """Draw initial weights from torch's global generator.

        Args:
            params: The encoder's parameters.
            num_items: Items of the catalogue; the table has one row more, for padding.
        """
        super().__init__()
        self.params = params
        self.encoder = choose_encoder(params)
        self.vector_size = params.members * params.hidden_size
        table = torch.empty(num_items + 1, self.vector_size + params.item_bias)
        nn.init.normal_(table, std=INITIAL_STD)
        table[:, self.vector_size :] = 0
        table[PADDING] = 0
        if params.temperature is not None:
            table = self._to_unit_length(table)
        self.item_embeddings = nn.Parameter(table, requires_grad=False)

    @property
    def num_items(self) -> int:
        """Items of the catalogue."""
        return len(self.item_embeddings) - 1

    @property
    def width(self) -> int:
        """Numbers of a row of the item table, and of a hidden state."""
        return self.item_embeddings.shape[1]

    @property
    def member_columns(self) -> list[slice]:
        """Columns of a row of the table, and of a hidden state, of each member.

        Times `members`, the product over these columns is the score of one of them.
        """
        count = self.params.members
        if count == 1:
            return [slice(None)]
        size = self.params.hidden_size
        return [slice(size * number, size * (number + 1)) for number in range(count)]

    def forward(
        self, items: Int[Tensor, "events"], layout: Layout
    ) -> Float[Tensor, "events size"]:
        """Return the hidden state after each click: times an item's row, its score."""
        return self.encode(self.item_embeddings[items], layout)

    def encode(
        self, rows: Float[Tensor, "events size"], layout: Layout
    ) -> Float[Tensor, "events size"]:
        """Return the hidden state after each click, from rows of the item table.

        An item's bias is the last number of its row. It meets a 1 in the hidden state,
        so whatever multiplies hidden states and rows knows of no bias.
        """
        hidden: Tensor = self.encoder(rows[:, : self.vector_size], layout)
        return self.finish(hidden.to(rows.dtype))  # what follows autocast would round

    def last_states(
        self, items: Int[Tensor, "events"], layout: Layout
    ) -> Float[Tensor, "sessions size"]:
        """Return what `forward` does for the last click of each session; for less.

        An evaluating model has no dropout, and needs no other state for what follows a
        session, or the end of a window.
        """
        distinct, row = torch.unique(items, return_inverse=True)
        vectors = self.item_embeddings[distinct, : self.vector_size]
        hidden = cast(Encoder, self.encoder).last_states(vectors, row, layout)
        return self.finish(hidden)

    def finish(self, hidden: Float[Tensor, "rows size"]) -> Float[Tensor, "rows wider"]:
        """Return hidden states that meet whole rows of the item table."""
        if self.params.temperature is not None:
            hidden = self._to_unit_length(hidden) / self.params.temperature
        if self.params.members > 1:
            hidden = hidden / self.params.members
        if self.params.item_bias:
            hidden = torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1)
        return hidden

    @torch.no_grad()
    def renormalize(self, rows: Int[Tensor, "rows"]) -> None:
        """Bring rows of the item table that were updated to the length they must have.

        Where scores are cosines, all items have length 1, so that a product of a hidden
        state and an item is their score here as elsewhere.

        Args:
            rows: Which rows, none twice but that of the padding item.
        """
        if self.params.temperature is not None:
            scale_to_length_one(self.item_embeddings, rows, self.params.members)

    def _to_unit_length(
        self, rows: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows size"]:
        """Return rows of which the part of each member has length 1."""
        return unit_parts(rows, self.params.members)
