"""The backbone of GRU4Rec+: a gated recurrent unit over packed rows.

A run of rows starts at position 0 and the unit with an empty state, whole sessions at a
time. In session-parallel training a run is the next click of a session instead: it
starts at a later position, and the unit goes on from the state that the run of the same
number left behind, without its gradient (Hidasi et al., 2016).

It computes in the precision of its weights: where torch is to round a unit's products
on a GPU, it rounds them to float16, in which gradients vanish.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tronrec.models.dropout import dropout
from tronrec.models.layout import Layout
from tronrec.params import ModelParams


class GRU(nn.Module):
    """Item vectors of packed sessions in, one hidden state per row out."""

    def __init__(self, params: ModelParams) -> None:
        super().__init__()
        size = params.hidden_size
        self.dropout = params.dropout
        self.unit = nn.GRU(size, size, params.layers)
        self.state = torch.zeros(params.layers, 0, size)
        """What each run of the last training step left behind."""
        for name, weights in self.unit.named_parameters():
            if name.startswith("weight"):
                nn.init.xavier_uniform_(weights)
            else:
                nn.init.zeros_(weights)

    def forward(
        self, vectors: Float[Tensor, "events size"], layout: Layout
    ) -> Float[Tensor, "events size"]:
        """Return the hidden state of every row; no row sees a later one."""
        rate = self.dropout if self.training else 0.0
        lengths = torch.bincount(layout.session)
        first = lengths.cumsum(0) - lengths
        row, batch_sizes = by_step(lengths, len(vectors))
        by_length = lengths.argsort(descending=True, stable=True)
        steps = PackedSequence(
            dropout(vectors, rate)[row], batch_sizes, by_length, by_length.argsort()
        )
        goes_on = layout.position[first] > 0 if self.training else None
        with torch.autocast(vectors.device.type, enabled=False):
            out, state = self.unit(steps, self._carried(goes_on))
        if self.training:
            self.state = state.detach()
        hidden = torch.empty_like(vectors).index_copy(0, row, out.data)
        return dropout(hidden, rate)

    def last_states(
        self,
        vectors: Float[Tensor, "clicked size"],
        row: Int[Tensor, "events"],
        layout: Layout,
    ) -> Float[Tensor, "sessions size"]:
        """Return the hidden state of the last row of each session, without dropout."""
        hidden: Tensor = self(vectors[row], layout)
        return hidden[layout.ends]

    def _carried(self, goes_on: Tensor | None) -> Tensor | None:
        """Return the initial state of each run, or None if all start empty."""
        if goes_on is None or self.state.shape[1] < len(goes_on):
            return None
        return self.state[:, : len(goes_on)] * goes_on[:, None]


def by_step(
    lengths: Int[Tensor, "runs"], total: int
) -> tuple[Int[Tensor, "events"], Int[Tensor, "steps"]]:
    """Return the packed rows step by step, longest run first, and runs of each step.

    This is the order of torch's `PackedSequence`: nothing is padded here either. The
    counts are on the CPU, where torch wants them.
    """
    ordered = lengths.sort(descending=True, stable=True)
    begin = (lengths.cumsum(0) - lengths)[ordered.indices]
    run = torch.arange(len(lengths), device=lengths.device)
    owner = run.repeat_interleave(ordered.values, output_size=total)
    step = torch.arange(total, device=lengths.device)
    step -= (ordered.values.cumsum(0) - ordered.values)[owner]
    order = step.argsort(stable=True)
    return (begin[owner] + step)[order], torch.bincount(step).cpu()
