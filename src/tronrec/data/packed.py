"""Sessions back to back in two flat arrays: what a model trains and is measured on.

There is no padding and no object per session. On disk it is a safetensors file, which
runs no code when it is read and is mapped into memory rather than copied.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from tronrec.data.clicks import count_clicks, read_sessions
from tronrec.errors import UserError
from tronrec.files import replacing, temporary_file
from tronrec.schemas import INDEX, ITEM, PADDING, SESSION

DTYPES: dict[str, np.dtype[Any]] = {
    "items": np.dtype(np.int32),
    "offsets": np.dtype(np.int64),
}
CODES = {"offsets": "I64", "items": "I32"}
"""The same in a safetensors file; wide numbers come first, for their alignment."""


@dataclass(frozen=True, eq=False)
class PackedSessions:
    """Sessions of item numbers: session `s` is `items[offsets[s]:offsets[s + 1]]`."""

    items: NDArray[np.int32]
    """The item number of each event."""
    offsets: NDArray[np.int64]
    """Where each session begins, and last where all end."""

    def __post_init__(self) -> None:
        for name, dtype in DTYPES.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 1:
                raise ValueError(
                    f"{name} are {array.dtype} of shape {array.shape}, not {dtype} "
                    "in one dimension"
                )
        lengths = np.diff(self.offsets)
        if not len(self.offsets) or self.offsets[0] != 0 or (lengths <= 0).any():
            raise ValueError("offsets do not rise from 0")
        if self.offsets[-1] != len(self.items):
            raise ValueError(
                f"offsets end at {self.offsets[-1]}, not at the {len(self.items)} items"
            )

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.offsets) - 1

    @property
    def num_targets(self) -> int:
        """Clicks that are predicted: all but the first of each session."""
        return len(self.items) - len(self)

    @property
    def session_of_target(self) -> NDArray[np.int64]:
        """The session of each click that is predicted, by its number."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets) - 1)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the bytes: equal only for equal sessions."""
        digest = hashlib.sha256(np.ascontiguousarray(self.offsets).data)
        digest.update(np.ascontiguousarray(self.items).data)
        return digest.hexdigest()

    @classmethod
    def from_clicks(cls, clicks: pl.LazyFrame, items: pl.DataFrame) -> Self:
        """Pack clicks, whose sessions are contiguous, by the numbers of the item index.

        Raises:
            UserError: An item is not in the index.
        """
        numbered = clicks.join(
            items.lazy(), on=ITEM, how="left", maintain_order="left"
        ).select(SESSION, INDEX)
        numbers = _allocate(count_clicks(clicks), np.int32)
        lengths, end, unknown = [np.zeros(1, np.int64)], 0, 0
        for block in read_sessions(numbered):
            unknown += block.clicks[INDEX].null_count()
            begin, end = end, end + block.clicks.height
            numbers[begin:end] = block.clicks[INDEX].fill_null(PADDING).to_numpy()
            lengths.append(block.lengths)
        if unknown:
            raise UserError(
                f"{unknown:,} clicks are on items that the item index does not have; "
                "prepare the data set again from its clicks"
            )
        return cls(numbers, np.concatenate(lengths).cumsum())

    def save(self, path: Path) -> None:
        """Write a safetensors file beside `path`, then put it in its place."""
        with replacing(path) as aside, aside.open("wb") as file:
            file.write(self._header())
            for name in CODES:
                file.write(np.ascontiguousarray(getattr(self, name)).data)

    def _header(self) -> bytes:
        """Return what precedes the arrays: their types, shapes and places, as JSON."""
        entries, end = {}, 0
        for name, code in CODES.items():
            array = getattr(self, name)
            begin, end = end, end + array.nbytes
            entries[name] = {
                "dtype": code,
                "shape": list(array.shape),
                "data_offsets": [begin, end],
            }
        text = json.dumps(entries).encode()
        text += b" " * (-len(text) % 8)  # the arrays are aligned
        return len(text).to_bytes(8, "little") + text

    @classmethod
    def load(cls, path: Path) -> Self:
        """Map a file that `save` wrote into memory; changes stay in memory.

        Raises:
            UserError: The file is not one of ours, or damaged.
        """
        try:
            with safe_open(path, "numpy"):
                pass  # checks the header, and the size of the file against it
            data = np.memmap(path, np.uint8, mode="c")
            begin = 8 + int(data[:8].view(np.uint64)[0])
            header = json.loads(data[8:begin].tobytes())
            arrays = {}
            for name, dtype in DTYPES.items():
                if header[name]["dtype"] != CODES[name]:
                    raise ValueError(f"{name} are {header[name]['dtype']}")
                first, last = header[name]["data_offsets"]
                arrays[name] = data[begin + first : begin + last].view(dtype)
            return cls(**arrays)
        except (SafetensorError, KeyError, ValueError) as error:
            raise UserError(
                f"{path}: no readable packed sessions ({error}); prepare the data set "
                "again"
            ) from error


def _allocate(size: int, dtype: type[np.int32]) -> NDArray[np.int32]:
    """Return an array in a temporary file, which the system may write out of memory."""
    if size == 0:
        return np.empty(0, dtype)
    with temporary_file(size * np.dtype(dtype).itemsize) as file:
        return np.memmap(file, dtype, "w+", shape=(size,))
