"""The best of many products in int8, tile by tile, for many hidden states at once.

Processors multiply int8 at twice the rate of any other precision or more, so fast that
whatever is done with the products in memory would take longer. Here those
of some rows at a time stay in the cache, where what may belong to the best is taken out
of them. The least that it must have rises from tile to tile.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from tronrec.ops.compiled import arrays_of, compiled, in_parts
from tronrec.ops.int8_matmul import int8_products
from tronrec.ops.int8_products import products_with_one
from tronrec.ops.largest import BLOCK, LANES, find_maxima, kth_largest
from tronrec.ops.scratch import Scratch

TILE = 4_096
"""Rows multiplied at once."""
MOST = 1 << 26
"""Places for what is found, of all events, that are worth their memory."""
ROOM = 4
"""Times k so many rows an event gathers before it looks which of them are left."""


@compiled
def _keep_best(found: Any, event: int, k: int, doubt: int) -> None:
    """Drop what is surely not among the best k of an event, by what it has so far."""
    items, values, counts, least, limits = found
    count = counts[event]
    if count > k:
        floor = kth_largest(values[event, :count].copy(), k) - doubt
        least[event] = max(least[event], floor)
    place = 0
    for number in range(count):
        if values[event, number] >= least[event]:
            items[event, place] = items[event, number]
            values[event, place] = values[event, number]
            place += 1
    counts[event], limits[event] = place, 2 * place + ROOM * k


@compiled
def _add_tile(arrays: Any, numbers: Any, low: int, high: int) -> None:
    """Add what may be among the best; `numbers` are the first row, rows, and k."""
    products, doubts, found = arrays
    items, values, counts, least, limits = found
    first, rows, k = numbers
    maxima = np.empty(products.shape[1] // LANES, np.int32)
    for event in range(low, high):
        find_maxima(products[event], np.int32(0), maxima)
        if first == 0 and rows == products.shape[1] and len(maxima) >= k:
            least[event] = kth_largest(maxima.copy(), k) - doubts[event]
        place, enough = counts[event], least[event]
        for group in range(len(maxima)):
            if maxima[group] < enough:
                continue
            block = group // LANES
            begin = block * BLOCK + group - block * LANES
            for column in range(begin, min((block + 1) * BLOCK, rows), LANES):
                product = products[event, column]
                if product >= enough:
                    items[event, place] = first + column
                    values[event, place] = product
                    place += 1
        counts[event] = place
        if place > limits[event]:
            _keep_best(found, event, k, doubts[event])


@compiled
def _look_closer(arrays: Any, k: int, low: int, high: int) -> None:
    """Replace products by finer ones, and drop what is not among the best after all."""
    rows, states, doubts, found = arrays
    items, values, counts, least, _ = found
    for event in range(low, high):
        _keep_best(found, event, k, doubts[0, event])
        for number in range(counts[event]):
            row = np.int64(items[event, number])
            values[event, number] = products_with_one(rows, row, states, event)[0]
        least[event] = np.iinfo(np.int64).min
        _keep_best(found, event, k, doubts[1, event])


def best_rows(
    rows: Int[Tensor, "rows size"],
    states: tuple[Int[Tensor, "events size"], Int[Tensor, "more size"]],
    doubts: Int[Tensor, "2 events"],
    k: int,
    scratch: tuple[Scratch, Scratch],
) -> tuple[Int[Tensor, "found"], Int[Tensor, "found"]] | None:
    """Return event and row of all products that may be among the best `k` of a state.

    All events have as many places as the one with most. None: that would be too many,
    since int8 cannot tell the rows apart for some state.

    Args:
        rows: Of int8, whole multiples of `int8_products.WIDTH` long.
        states: The states in int16, and in int8; more of these may follow.
        doubts: By how much a product of each state may be less than the k-th best, and
            still belong to the best: of states in int8, and in int16.
        k: How many are wanted.
        scratch: Memory for the products, and for what is found.
    """
    fine, coarse = (part.contiguous() for part in states)
    events, threads = len(fine), torch.get_num_threads()
    for_products, for_found = scratch
    most = len(rows) + TILE
    room = min(2 * TILE + 2 * ROOM * k, most)
    if events * room > MOST:
        return None
    items, values = for_found.take(coarse, 2, events, room, dtype=torch.int32)
    counts, limits = torch.zeros(2, events, dtype=torch.int64)
    least = torch.full_like(counts, torch.iinfo(torch.int64).min)
    for first in range(0, len(rows), TILE):
        tile = rows[first : first + TILE]
        count, missing = len(tile), -len(tile) % BLOCK
        tile = pad(tile, (0, 0, 0, missing)) if missing else tile
        products = for_products.take(coarse, len(coarse), len(tile), dtype=torch.int32)
        int8_products(coarse, tile, products)
        if int(counts.max()) + len(tile) > items.shape[1]:
            more = min(items.shape[1] + TILE, most - items.shape[1])
            if events * (items.shape[1] + more) > MOST:
                return None
            items, values = (pad(part, (0, more)) for part in (items, values))
        found = arrays_of(items, values, counts, least, limits)
        arrays = *arrays_of(products, doubts[0]), found
        in_parts(partial(_add_tile, arrays, (first, count, k)), events, threads)
    found = arrays_of(items, values, counts, least, limits)
    arrays = *arrays_of(rows, fine, doubts), found
    in_parts(partial(_look_closer, arrays, k), events, threads)
    longest = int(counts.max())
    event, place = (torch.arange(longest) < counts[:, None]).nonzero(as_tuple=True)
    return event, items[event, place].long()
