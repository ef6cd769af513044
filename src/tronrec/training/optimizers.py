"""Adam and Adagrad for the rows of a table that a step touched."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tronrec.ops.row_adam import adam_rows
from tronrec.ops.session_gradient import ItemGradient
from tronrec.params import TrainingParams

ADAGRAD_START = 1e-6
"""Of Adagrad's sums, as in GRU4Rec's official code. From 0, the first move of a row is
as long as the learning rate, however small its gradient: negatives are thrown about."""
SLAB = 4096
"""Rows moved at once, so that what is computed on the way stays in a CPU's cache."""


class RowOptimizer(ABC):
    """Turns the gradient of some rows of a table into their update."""

    def __init__(self, table: Float[Tensor, "items size"], **moments: Tensor) -> None:
        """Begin; `table` and the moments of its rows are updated in place."""
        self.table, self.moments = table, moments

    @abstractmethod
    def step(self, gradients: ItemGradient, learning_rate: float) -> None:
        """Move the touched rows against their gradient."""

    def state(self) -> dict[str, Tensor]:
        """Return the tensors a resumed run needs."""
        return self.moments

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over the tensors of `state`."""
        for name, moment in self.moments.items():
            moment.copy_(state[name])


class RowAdam(RowOptimizer):
    """Adam (Kingma and Ba, 2015) that reads and writes only the touched rows.

    The moments of a row that a step does not touch stay as they are, and the row does
    not move ("lazy" Adam): a step costs the same at any size of the catalogue. Bias
    correction counts all steps.
    """

    def __init__(self, table: Float[Tensor, "items size"]) -> None:
        """Start with moments of zero; `table` is updated in place."""
        self.steps = 0
        self.mean, self.square = torch.zeros_like(table), torch.zeros_like(table)
        super().__init__(table, mean=self.mean, square=self.square)

    def step(self, gradients: ItemGradient, learning_rate: float) -> None:
        """Move the touched rows against their gradient."""
        self.steps += 1
        moments = self.mean, self.square
        for slab in gradients.slabs():
            adam_rows(
                *(self.table, moments, slab),
                learning_rate=learning_rate,
                step=self.steps,
            )

    def state(self) -> dict[str, Tensor]:
        """Return the tensors a resumed run needs."""
        return super().state() | {"steps": torch.tensor(self.steps)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over the tensors of `state`."""
        super().restore(state)
        self.steps = int(state["steps"])


class RowAdagrad(RowOptimizer):
    """Adagrad (Duchi et al., 2011), which by its nature moves only the touched rows."""

    def __init__(self, table: Float[Tensor, "items size"]) -> None:
        """Start with small sums of squares; `table` is updated in place."""
        self.sum = torch.full_like(table, ADAGRAD_START)
        super().__init__(table, sum=self.sum)

    @torch.no_grad()
    def step(self, gradients: ItemGradient, learning_rate: float) -> None:
        """Move the touched rows against their gradient."""
        for rows, values in _split(gradients):
            total = self.sum.index_select(0, rows).addcmul_(values, values)
            self.sum.index_copy_(0, rows, total)
            update = values / total.sqrt_()
            moved = self.table.index_select(0, rows).sub_(update, alpha=learning_rate)
            self.table.index_copy_(0, rows, moved)


def _split(gradients: ItemGradient) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield some rows at a time, and their gradients."""
    for slab in gradients.slabs():
        parts = torch.split(slab.item_ids, SLAB), torch.split(slab.values, SLAB)
        yield from zip(*parts, strict=True)


def choose_optimizers(
    params: TrainingParams,
    table: Float[Tensor, "items size"],
    encoder: Iterable[nn.Parameter],
) -> tuple[RowOptimizer, torch.optim.Optimizer]:
    """Return the optimisers of the item table and of the encoder."""
    rate = params.learning_rate
    match params.optimizer:
        case "adam":
            return RowAdam(table), torch.optim.Adam(encoder, rate, fused=True)
        case "adagrad":
            return RowAdagrad(table), torch.optim.Adagrad(
                encoder, rate, initial_accumulator_value=ADAGRAD_START
            )
