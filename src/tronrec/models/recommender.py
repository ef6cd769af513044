"""An encoder with its item table: everything a trained system is.

The item table is input and output embedding in one. It is kept outside autograd,
because a step touches a few thousand of its rows; the training step writes their
gradient itself.
"""

from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from tronrec.checkpoint import Checkpoint, with_prefix
from tronrec.models.encoder import choose_encoder
from tronrec.models.layout import Layout
from tronrec.models.trend import trend
from tronrec.params import ModelParams, SystemParams
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
        table = torch.empty(num_items + 1, params.hidden_size + params.item_bias)
        nn.init.normal_(table, std=INITIAL_STD)
        table[:, params.hidden_size :] = 0
        table[PADDING] = 0
        if params.temperature is not None:
            table = normalize(table)
        self.items = nn.Parameter(table, requires_grad=False)
        zeros = torch.zeros(num_items + 1) if params.trend else None
        self.trend: Tensor | None
        self.register_buffer("trend", zeros)

    @property
    def num_items(self) -> int:
        """Items of the catalogue."""
        return len(self.items) - 1

    def forward(
        self, items: Int[Tensor, "events"], layout: Layout
    ) -> Float[Tensor, "events size"]:
        """Return the hidden state after each click: times a candidate, a score."""
        hidden = self.encode(self.items[items], layout)
        return hidden if self.trend is None else with_ones(hidden)

    def candidates(self) -> Float[Tensor, "rows size"]:
        """Return a row for each item: times a hidden state, the item's score.

        These are the rows of the item table, and the trend, where there is one, as a
        bias beside them.
        """
        if self.trend is None:
            return self.items
        return torch.cat([self.items, self.params.trend * self.trend[:, None]], 1)

    def encode(
        self, rows: Float[Tensor, "events size"], layout: Layout
    ) -> Float[Tensor, "events size"]:
        """Return the same for rows of the item table, and without a trend.

        An item's bias is the last number of its row. It meets a 1 in the hidden state,
        so whatever multiplies hidden states and rows knows of no bias.
        """
        hidden: Tensor = self.encoder(rows[:, : self.params.hidden_size], layout)
        hidden = hidden.to(rows.dtype)  # what follows autocast would round
        if self.params.temperature is not None:
            hidden = normalize(hidden) / self.params.temperature
        if self.params.item_bias:
            hidden = with_ones(hidden)
        return hidden

    def count_trend(self, *clicks: Int[np.ndarray, "clicks"]) -> None:
        """Count the trend of each item, if it is part of the score.

        Args:
            clicks: Items of all clicks, in parts; sessions in the order of their first.
        """
        if self.trend is not None:
            memory = self.params.trend_memory
            self.trend.copy_(trend(clicks, self.num_items, memory))

    @torch.no_grad()
    def settle(self, rows: Int[Tensor, "rows"]) -> None:
        """Bring rows of the item table that were updated to the length they must have.

        Where scores are cosines, all items have length 1, so that a product of a hidden
        state and an item is their score here as elsewhere.
        """
        if self.params.temperature is not None:
            settled = normalize(self.items.index_select(0, rows))
            self.items.index_copy_(0, rows, settled)

    def export(
        self,
        item_ids: Int[Tensor, "items"],
        *,
        name: str,
        system: SystemParams,
        epoch: int,
    ) -> Checkpoint:
        """Return all that serving needs, and what the weights were made with.

        Args:
            item_ids: The shop's ids of items 1..|I|.
            name: The name of the system.
            system: The parameters it was trained with.
            epoch: The epoch they were taken after.
        """
        tensors = with_prefix("model", self.state_dict()) | {"item_ids": item_ids}
        parameters = system.model_dump(mode="json")
        facts = {"system": name, "parameters": parameters, "epoch": epoch}
        return Checkpoint(tensors, facts)

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> Self:
        """Return the model that `export` wrote."""
        system = SystemParams.model_validate(checkpoint.facts["parameters"])
        model = cls(system.model, num_items=len(checkpoint.tensors["item_ids"]))
        model.load_state_dict(checkpoint.part("model"))
        return model.eval()

    @classmethod
    def best(
        cls, checkpoint: Checkpoint, num_items: int, *clicks: Int[np.ndarray, "clicks"]
    ) -> Self:
        """Return the model of the best epoch of a checkpoint of training.

        Its trend is counted anew, up to the newest of `clicks`: those that were held
        out to choose the epoch are known by now.
        """
        system = SystemParams.model_validate(checkpoint.facts["parameters"])
        model = cls(system.model, num_items)
        model.load_state_dict(checkpoint.part("best"))
        model.count_trend(*clicks)
        return model


def with_ones(hidden: Float[Tensor, "events size"]) -> Float[Tensor, "events wider"]:
    """Return hidden states that add the last number of an item's row to its score."""
    return torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1)
