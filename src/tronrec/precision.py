"""Where work is done, and in which precision candidates may be compared."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from tronrec.errors import UserError

TILE = 512
"""Items multiplied at once in float32 on a CPU, which is slower if the products leave
its cache while they are summed."""
ROWS = 32
"""A multiple of so many rows goes into a product in bfloat16. A CPU makes a kernel for
each shape, which takes longer than a layer's product, and keeps those of a few shapes;
batches come with any number of events."""


def choose_device(name: str) -> torch.device:
    """Return the device named; `auto` takes a GPU if there is one.

    Raises:
        UserError: `cuda` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "training.device = cuda: torch finds no CUDA device; use auto or cpu"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def coarse_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the processor multiplies it natively, float32 elsewhere.

    Coarse scores only narrow down candidates; logits and ranks are float32 everywhere.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


class Scratch:
    """Memory for large results that are soon done with, used again for the next one.

    Memory of this size comes fresh from the system each time, which a CPU pays for with
    a good part of the product's own time.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.memory = torch.empty(0, dtype=torch.uint8)

    def take(self, like: Tensor, *shape: int) -> Tensor:
        """Return memory of that shape, with the precision and device of another tensor.

        Its content is arbitrary, and lost with the next call.
        """
        size = math.prod(shape) * like.element_size()
        if self.memory.numel() < size or self.memory.device != like.device:
            self.memory = like.new_empty(size, dtype=torch.uint8)
        return self.memory[:size].view(like.dtype).view(shape)


def missing_rows(rows: int) -> int:
    """Return the rows to be added before a product in bfloat16."""
    return -rows % ROWS


def rounded(
    rows: Float[Tensor, "rows size"], precision: torch.dtype
) -> Float[Tensor, "more size"]:
    """Return the rows in a precision, with rows of zeros behind where it wants them."""
    if precision != torch.bfloat16:
        return rows.to(precision)
    count = len(rows)
    filled = rows.new_empty(count + missing_rows(count), rows.shape[1], dtype=precision)
    filled[:count], filled[count:] = rows, 0
    return filled


def all_products(
    hidden: Float[Tensor, "events size"],
    vectors: Float[Tensor, "items size"],
    scratch: Scratch,
) -> Float[Tensor, "events items"]:
    """Return the product of every hidden state with every item, in reused memory.

    Hidden states are rounded to the precision of the items.
    """
    events, hidden = len(hidden), rounded(hidden, vectors.dtype)
    out = scratch.take(hidden, len(hidden), len(vectors))
    if hidden.device.type == "cpu" and hidden.dtype == torch.float32:
        tiles = torch.split(vectors, TILE), torch.split(out, TILE, dim=1)
        for part, products in zip(*tiles, strict=True):
            torch.mm(hidden, part.T, out=products)
        return out
    return torch.mm(hidden, vectors.T, out=out)[:events]
