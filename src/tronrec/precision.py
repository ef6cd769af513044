"""Where work is done, and in which precision candidates are compared."""

import math

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from tronrec.errors import UserError

TILE = 512
"""Items multiplied at once in float32 on a CPU, which is slower if the products leave
its cache while they are summed."""
ROWS = 32
"""A multiple of so many rows goes into a product in bfloat16 or int8. A CPU makes a
kernel for each shape, which takes longer than a layer's product, and keeps those of a
few shapes; batches come with any number of events."""
LEVELS = 127
"""The largest whole number that a component of a vector becomes in int8."""


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


def search_dtype(device: torch.device) -> torch.dtype:
    """Return int8 on a CPU that multiplies it natively, `coarse_dtype` elsewhere.

    For a search of which nothing is promised but that most of the best are found.
    """
    if device.type == "cpu" and torch.cpu._is_vnni_supported():
        return torch.int8
    return coarse_dtype(device)


class Scratch:
    """Memory for large results that are soon done with, used again for the next one.

    Memory of this size comes fresh from the system each time, which a CPU pays for with
    a good part of the product's own time.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.memory = torch.empty(0, dtype=torch.uint8)

    def take(
        self, like: Tensor, *shape: int, dtype: torch.dtype | None = None
    ) -> Tensor:
        """Return memory of that shape, with the precision and device of another tensor.

        Its content is arbitrary, and lost with the next call.
        """
        dtype = dtype or like.dtype
        size = math.prod(shape) * dtype.itemsize
        if self.memory.numel() < size or self.memory.device != like.device:
            self.memory = like.new_empty(size, dtype=torch.uint8)
        return self.memory[:size].view(dtype).view(shape)


def missing_rows(rows: int) -> int:
    """Return the rows to be added before a product in bfloat16 or int8."""
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


def quantized(
    rows: Float[Tensor, "rows size"], largest: Float[Tensor, "..."]
) -> tuple[Int[Tensor, "rows size"], Float[Tensor, "..."]]:
    """Return the rows as int8 and the unit they are in, by which `largest` is 127.

    The rows themselves are overwritten: memory for one more copy of them costs as much
    as all the rest.
    """
    unit = (largest / LEVELS).clamp(min=torch.finfo(rows.dtype).tiny)
    return rows.div_(unit).round_().to(torch.int8), unit


def compared_products(
    hidden: Float[Tensor, "events size"],
    vectors: Float[Tensor, "items size"],
    precision: torch.dtype,
    scratch: Scratch,
) -> tuple[Shaped[Tensor, "events items"], Float[Tensor, "..."]]:
    """Return about the product of every hidden state with every item, and its unit.

    Within an event, numbers are in the order of the products.

    Args:
        hidden: Hidden state of each event.
        vectors: Item vectors, which may be overwritten.
        precision: What both factors are rounded to. Of int8 the products are int32, in
            a unit of the event's own.
        scratch: Memory for the products.
    """
    if precision != torch.int8 or not len(vectors):
        return all_products(hidden, vectors.to(precision), scratch), hidden.new_ones(1)
    events = len(hidden)
    states = pad(hidden, (0, 0, 0, missing_rows(events)))
    states, of_event = quantized(states, states.abs().amax(1, keepdim=True))
    items, of_items = quantized(vectors, torch.stack(vectors.aminmax()).abs().amax())
    out = scratch.take(states, len(states), len(items), dtype=torch.int32)
    products = torch._int_mm(states, items.T, out=out)
    return products[:events], of_event[:events] * of_items
