"""Adam and Adagrad for the rows of a table that a step touched."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tronrec.params import TrainingParams
from tronrec.rows import RowGradients, split_rows

BETAS = (0.9, 0.999)
EPSILON = 1e-8
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

    @torch.no_grad()
    def step(self, gradients: RowGradients, learning_rate: float) -> None:
        """Move the touched rows against their gradient."""
        for rows, gradient in split_rows(SLAB, gradients.items, gradients.vectors):
            update = self._update(rows, gradient)
            moved = self.table.index_select(0, rows).sub_(update, alpha=learning_rate)
            self.table.index_copy_(0, rows, moved)

    @abstractmethod
    def _update(
        self, rows: Int[Tensor, "rows"], gradient: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows size"]:
        """Change the moments of some rows; return by what a rate of 1 lowers them."""

    def state(self) -> dict[str, Tensor]:
        """Return the tensors a resumed run needs."""
        return self.moments

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over the tensors of `state`."""
        for name, moment in self.moments.items():
            moment.copy_(state[name])


class _CountingSteps(RowOptimizer):
    """What the kinds of Adam share: moments are corrected by the steps so far."""

    steps = 0

    def step(self, gradients: RowGradients, learning_rate: float) -> None:
        """Move the touched rows against their gradient."""
        self.steps += 1
        super().step(gradients, learning_rate)

    def state(self) -> dict[str, Tensor]:
        """Return the tensors a resumed run needs."""
        return super().state() | {"steps": torch.tensor(self.steps)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over the tensors of `state`."""
        super().restore(state)
        self.steps = int(state["steps"])


class RowAdam(_CountingSteps):
    """Adam (Kingma and Ba, 2015) that reads and writes only the touched rows.

    The moments of a row that a step does not touch stay as they are, and the row does
    not move ("lazy" Adam): a step costs the same at any size of the catalogue. Bias
    correction counts all steps.
    """

    def __init__(self, table: Float[Tensor, "items size"]) -> None:
        """Start with moments of zero; `table` is updated in place."""
        self.mean, self.square = torch.zeros_like(table), torch.zeros_like(table)
        super().__init__(table, mean=self.mean, square=self.square)

    def step(self, gradients: RowGradients, learning_rate: float) -> None:
        """Move the touched rows against their gradient."""
        correction = 1 - BETAS[0] ** (self.steps + 1)
        super().step(gradients, learning_rate / correction)

    def _update(
        self, rows: Int[Tensor, "rows"], gradient: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows size"]:
        beta_mean, beta_square = BETAS
        mean = self.mean.index_select(0, rows).lerp_(gradient, 1 - beta_mean)
        square = self.square.index_select(0, rows).mul_(beta_square)
        square.addcmul_(gradient, gradient, value=1 - beta_square)
        self.mean.index_copy_(0, rows, mean)
        self.square.index_copy_(0, rows, square)
        root = (1 - beta_square**self.steps) ** 0.5
        return mean.div_(square.sqrt_().div_(root).add_(EPSILON))


class SteadyRowAdam(_CountingSteps):
    """Adam as it moves a row of a whole table, at the cost of the touched rows.

    There, moments fall in every step, and a gradient moves its row for many steps after
    the one that touched it, by 1 / (1 - beta) times its first move in all. Here, the
    square falls by all steps since the last touch when a row is touched again, and the
    gradient moves the row by all it will at once, so no mean is kept. A row that is
    seldom touched moves farther than with lazy Adam.
    """

    def __init__(self, table: Float[Tensor, "items size"]) -> None:
        """Start with squares of zero; `table` is updated in place."""
        self.square = torch.zeros_like(table)
        self.touched = torch.zeros(len(table), dtype=torch.int64, device=table.device)
        super().__init__(table, square=self.square, touched=self.touched)

    def _update(
        self, rows: Int[Tensor, "rows"], gradient: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows size"]:
        beta = BETAS[1]
        idle = self.steps - self.touched.index_select(0, rows)
        kept = torch.pow(beta, idle.to(gradient.dtype))
        square = self.square.index_select(0, rows).mul_(kept[:, None])
        square.addcmul_(gradient, gradient, value=1 - beta)
        self.square.index_copy_(0, rows, square)
        self.touched.index_fill_(0, rows, self.steps)
        root = (1 - beta**self.steps) ** 0.5
        return gradient / square.sqrt_().div_(root).add_(EPSILON)


class RowAdagrad(RowOptimizer):
    """Adagrad (Duchi et al., 2011), which by its nature moves only the touched rows."""

    def __init__(self, table: Float[Tensor, "items size"]) -> None:
        """Start with small sums of squares; `table` is updated in place."""
        self.sum = torch.full_like(table, ADAGRAD_START)
        super().__init__(table, sum=self.sum)

    def _update(
        self, rows: Int[Tensor, "rows"], gradient: Float[Tensor, "rows size"]
    ) -> Float[Tensor, "rows size"]:
        total = self.sum.index_select(0, rows).addcmul_(gradient, gradient)
        self.sum.index_copy_(0, rows, total)
        return gradient / total.sqrt_()


def choose_optimizers(
    params: TrainingParams,
    table: Float[Tensor, "items size"],
    encoder: Iterable[nn.Parameter],
) -> tuple[RowOptimizer, torch.optim.Optimizer]:
    """Return the optimisers of the item table and of the encoder."""
    match params.optimizer:
        case "adam":
            dense: torch.optim.Optimizer = torch.optim.Adam(
                encoder, params.learning_rate, fused=True
            )
            steady = params.row_moments == "steady"
            return SteadyRowAdam(table) if steady else RowAdam(table), dense
        case "adagrad":
            dense = torch.optim.Adagrad(
                encoder,
                params.learning_rate,
                initial_accumulator_value=ADAGRAD_START,
            )
            return RowAdagrad(table), dense
