"""A shop's item ids as plain arrays, for files that hold arrays only.

Ids are whole numbers or text, and come back as they went in. Text is stored as Arrow
lays it out: all of its UTF-8 bytes back to back, and where each id begins.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tronrec.errors import UserError
from tronrec.schemas import INDEX, ITEM, PADDING

Arrays = Mapping[str, NDArray[Any]]

NUMBERS = "item_ids"
"""The array of whole numbers, int64."""
OFFSETS, BYTES = "item_ids.offsets", "item_ids.bytes"
"""The arrays of text: where each id begins and the last one ends, int64; uint8."""


def to_arrays(ids: pl.Series) -> dict[str, NDArray[Any]]:
    """Return the arrays that hold whole numbers or text, without nulls."""
    if ids.dtype == pl.Int64:
        return {NUMBERS: ids.to_numpy()}
    text = ids.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = text.cast(pa.large_string()).buffers()
    ends = np.frombuffer(offsets, np.int64, len(ids) + 1)
    return {OFFSETS: ends, BYTES: np.frombuffer(data or b"", np.uint8, ends[-1])}


def from_arrays(arrays: Arrays) -> pl.Series:
    """Return the ids that `to_arrays` was given; other arrays are passed over.

    Raises:
        UserError: There are no ids, or they are damaged.
    """
    if NUMBERS in arrays:
        return pl.Series(ITEM, arrays[NUMBERS], pl.Int64)
    if not {OFFSETS, BYTES} <= arrays.keys():
        raise UserError("The file holds no item ids; train the model again")
    offsets, data = (np.ascontiguousarray(arrays[name]) for name in (OFFSETS, BYTES))
    try:
        if offsets[0] != 0 or offsets[-1] != len(data):
            raise ValueError("they do not fill their bytes")
        text = pa.LargeStringArray.from_buffers(
            len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data)
        )
        text.validate(full=True)
    except (ValueError, IndexError, pa.ArrowInvalid) as error:
        raise UserError(f"The item ids are damaged ({error})") from error
    return pl.Series(ITEM, text)


def find_numbers(catalogue: pl.Series, ids: pl.Series) -> NDArray[np.int64]:
    """Return the number that each id has in a catalogue, or 0 where it has none.

    Args:
        catalogue: The ids of its items, from number 1 on, each once.
        ids: Ids of the same type, in any order.
    """
    numbers = pl.DataFrame({ITEM: catalogue}).with_row_index(INDEX, offset=1)
    wanted = pl.DataFrame({ITEM: ids})
    found = wanted.join(numbers, on=ITEM, how="left", maintain_order="left")
    return found[INDEX].fill_null(PADDING).cast(pl.Int64).to_numpy()
