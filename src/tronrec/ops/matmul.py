"""Products of all hidden states with all item vectors, in float32, bfloat16 or int8."""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from tronrec.ops.int8_matmul import LEVELS, int8_products, state_levels
from tronrec.ops.scratch import Scratch

TILE = 512
"""Items multiplied at once in float32 on a CPU, which is slower if the products leave
its cache while they are summed."""
ROWS = 32
"""A multiple of so many rows goes into a product in bfloat16 or int8. A CPU makes a
kernel for each shape, which takes longer than a layer's product, and keeps those of a
few shapes; batches come with any number of events."""


def rows_to_fill(rows: int) -> int:
    """Return how many rows are missing to a multiple of `ROWS`."""
    return -rows % ROWS


def round_rows(
    rows: Float[Tensor, "rows size"], dtype: torch.dtype
) -> Float[Tensor, "more size"]:
    """Return the rows in `dtype`; in bfloat16 rows of zeros fill up to `ROWS`."""
    if dtype != torch.bfloat16:
        return rows.to(dtype)
    count = len(rows)
    filled = rows.new_empty(count + rows_to_fill(count), rows.shape[1], dtype=dtype)
    filled[:count], filled[count:] = rows, 0
    return filled


def all_products(
    hidden: Float[Tensor, "events size"],
    vectors: Float[Tensor, "items size"],
    scratch: Scratch,
    fill: int = 0,
) -> Float[Tensor, "events wider"]:
    """Return the product of every hidden state with every item vector.

    Hidden states are rounded to the dtype of the vectors, and so are the products. They
    lie in the memory of `scratch`.

    Args:
        hidden: Hidden state of each event.
        vectors: Item vectors.
        scratch: Memory for the products.
        fill: Columns of -inf that follow those of the items.
    """
    events, items, hidden = len(hidden), len(vectors), round_rows(hidden, vectors.dtype)
    whole = scratch.take(hidden, len(hidden), items + fill)
    whole[:, items:] = -torch.inf
    out = whole[:, :items]
    if hidden.device.type == "cpu" and hidden.dtype == torch.float32:
        tiles = torch.split(vectors, TILE), torch.split(out, TILE, dim=1)
        for part, products in zip(*tiles, strict=True):
            torch.mm(hidden, part.T, out=products)
    else:
        torch.mm(hidden, vectors.T, out=out)
    return whole[:events]


def quantize(
    rows: Float[Tensor, "rows size"], largest: Float[Tensor, "..."], levels: int
) -> tuple[Int[Tensor, "rows size"], Float[Tensor, "..."]]:
    """Return the rows as int8, and the unit in which `largest` is `levels`.

    The rows themselves are overwritten: memory for one more copy of them costs as much
    as all the rest.
    """
    unit = (largest / levels).clamp(min=torch.finfo(rows.dtype).tiny)
    return rows.div_(unit).round_().to(torch.int8), unit


def coarse_products(
    hidden: Float[Tensor, "events size"],
    vectors: Float[Tensor, "items size"],
    dtype: torch.dtype,
    scratch: Scratch,
) -> tuple[Shaped[Tensor, "events items"], Float[Tensor, "..."]]:
    """Return every hidden state times every item vector, in low precision, and a unit.

    Products times the unit are about those in float32. Within an event they are ordered
    as the products are, so a search need not multiply by the unit.

    Args:
        hidden: Hidden state of each event.
        vectors: Item vectors, which may be overwritten.
        dtype: What both factors are rounded to. Of int8, the products are int32.
        scratch: Memory for the products.
    """
    if not len(vectors):
        return hidden.new_empty(len(hidden), 0), hidden.new_ones(1)
    if dtype != torch.int8:
        return all_products(hidden, vectors.to(dtype), scratch), hidden.new_ones(1)
    events = len(hidden)
    states = pad(hidden, (0, 0, 0, rows_to_fill(events)))
    most = states.abs().amax(1, keepdim=True)
    states, of_event = quantize(states, most, state_levels())
    most = torch.stack(vectors.aminmax()).abs().amax()
    items, of_items = quantize(vectors, most, LEVELS)
    out = scratch.take(states, len(states), len(items), dtype=torch.int32)
    products = int8_products(states, items, out)
    return products[:events], of_event[:events] * of_items
