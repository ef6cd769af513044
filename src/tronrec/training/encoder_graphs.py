"""The encoder as CUDA graphs: a GPU is faster than a host that launches its kernels.

A step of a small model is hundreds of kernels of some microseconds each. A graph starts
all those of the encoder, forwards or backwards, at once. It has fixed shapes, so
batches are filled up with rows of a session of their own, which nobody looks at, and a
graph is recorded for each size that comes up. Large batches have none: their kernels
take longer than launching them, and each graph keeps the memory that it works in.
"""

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from tronrec.models.layout import Layout
from tronrec.models.recommender import Recommender

ROWS = 128
"""A batch is filled up to a multiple of so many rows."""
SHORTEST = 16
"""Rows that the longest session is taken to have at least; above, a power of two."""
MOST = 4_096
"""The most rows for which a graph is recorded."""


class _Encoding(nn.Module):
    """What is recorded: tensors in, a tensor out, and the weights as parameters."""

    def __init__(self, model: Recommender, longest: int) -> None:
        super().__init__()
        self.encoder, self.encode, self.longest = model.encoder, model.encode, longest

    def forward(
        self,
        vectors: Float[Tensor, "rows size"],
        session: Int[Tensor, "rows"],
        position: Int[Tensor, "rows"],
    ) -> Float[Tensor, "rows wider"]:
        """Return the hidden state of every row."""
        return self.encode(vectors, Layout(session, position, self.longest))


class EncoderGraphs:
    """A transformer on a GPU that encodes batches of any size, and differentiates."""

    def __init__(self, model: Recommender) -> None:
        """Begin without a graph; dropout is recorded as the model is at that time."""
        self.model = model
        self._recorded: dict[tuple[int, int], Callable[..., Tensor]] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def encode(
        self, vectors: Float[Tensor, "events size"], layout: Layout
    ) -> Float[Tensor, "events wider"]:
        """Return what the model's `encode` does, until the next call.

        The backward pass, too, has to be done with before the next call.
        """
        missing, window = -len(vectors) % ROWS, self.model.params.window
        if len(vectors) + missing > MOST:
            return self.model.encode(vectors, layout)
        filled, layout = pad(vectors, (0, 0, 0, missing)), layout.padded(missing)
        power = 1 << (layout.longest - 1).bit_length()
        key = len(filled), min(max(power, SHORTEST), window)
        inputs = filled, layout.session, layout.position
        if key not in self._recorded:
            self._recorded[key] = self._record(key[1], *inputs)
        return self._recorded[key](*inputs)[: len(vectors)]

    def _record(
        self,
        longest: int,
        vectors: Float[Tensor, "rows size"],
        session: Int[Tensor, "rows"],
        position: Int[Tensor, "rows"],
    ) -> Callable[..., Tensor]:
        """Record both passes; what they draw does not change later draws.

        What replays them is not left in the module, where torch puts it: the two would
        refer to each other, and keep the model's table on the GPU when a training is
        over. Graphs and the encoder's weights stay until garbage is collected, since
        torch defines a class for each graph, which refers to itself.
        """
        sample = torch.zeros_like(vectors, requires_grad=True)
        state = torch.cuda.get_rng_state(vectors.device)
        encoding = _Encoding(self.model, longest)
        samples = sample, session.clone(), position.clone()
        ignored = warnings.catch_warnings(action="ignore")  # of torch's second stream
        with ignored, _nothing_collected():
            torch.cuda.make_graphed_callables(encoding, samples, pool=self._pool)
        torch.cuda.set_rng_state(state, vectors.device)
        replay: Callable[..., Tensor] = encoding.__dict__.pop("forward")
        return replay


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Collect garbage now, and none within: a graph that goes spoils a recording."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
