"""Which group of an experiment a visitor is in: the same one at every visit.

The group is a function of the visitor's id and the experiment's salt, so no table of
visitors is kept, and a service, a notebook and a query over millions of ids agree. The
function is BLAKE2b with the salt as its key: ids that are alike, or counted up, fall
into groups as if by lot, and two experiments with different salts divide visitors
independently of each other.
"""

from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction
from hashlib import blake2b
from itertools import accumulate

import numpy as np
import polars as pl

from tronrec.errors import UserError

HASH_BYTES = 8
LONGEST_SALT = blake2b.MAX_KEY_SIZE
"""Bytes of a salt, at most."""

VisitorId = str | int


class Assignment:
    """Divides visitors among the groups of an experiment.

    Args:
        salt: Name of the experiment; another one divides the visitors anew.
        weights: Group -> its share of the visitors, relative to the other groups'.

    Raises:
        UserError: The salt is empty or too long, or a weight is not above 0.
    """

    def __init__(self, salt: str, weights: Mapping[str, float]) -> None:
        self._key = salt.encode()
        if not 0 < len(self._key) <= LONGEST_SALT:
            raise UserError(
                f"salt {salt!r} has {len(self._key)} bytes; give it 1 to {LONGEST_SALT}"
            )
        for group, weight in weights.items():
            if not 0 < weight < float("inf"):
                raise UserError(
                    f"weight of group {group!r} ({weight}) is not above 0; raise it, "
                    "or leave the group out"
                )
        if not weights:
            raise UserError("no groups; name at least one with its weight")
        self.groups = tuple(weights)
        self._bounds = _inner_bounds(list(weights.values()))

    def group(self, visitor: VisitorId) -> str:
        """Return the group of a visitor; 17 and "17" are the same one.

        Raises:
            UserError: The id is empty, or neither text nor a whole number.
        """
        if isinstance(visitor, bool) or not isinstance(visitor, str | int):
            raise UserError(
                f"visitor id {visitor!r}: give text or a whole number, so that it is "
                "written in one way only"
            )
        if visitor == "":
            raise UserError("visitor id '': all visitors without an id would share it")
        hashed = int.from_bytes(self._hash(str(visitor)), "little")
        return self.groups[bisect_right(self._bounds, hashed)]

    def groups_of(self, visitors: pl.Expr) -> pl.Expr:
        """Return the group of each id, as an `Enum`; a null or empty id has none.

        The ids are text or whole numbers.
        """
        return visitors.map_batches(
            self._groups_of_series,
            return_dtype=pl.Enum(self.groups),
            is_elementwise=True,
        )

    def _groups_of_series(self, visitors: pl.Series) -> pl.Series:
        if not (visitors.dtype.is_integer() or visitors.dtype == pl.String):
            raise UserError(
                f"visitor ids are {visitors.dtype}; give text or whole numbers, so "
                "that each is written in one way only"
            )
        texts = visitors.cast(pl.String).fill_null("")
        hashes = np.frombuffer(b"".join(map(self._hash, texts)), "<u8")
        numbers = np.searchsorted(np.array(self._bounds, np.uint64), hashes, "right")
        known = pl.Series(numbers).set(texts == "", None)
        return pl.Series(self.groups, dtype=pl.Enum(self.groups)).gather(known)

    def _hash(self, visitor: str) -> bytes:
        return blake2b(visitor.encode(), digest_size=HASH_BYTES, key=self._key).digest()


def _inner_bounds(weights: list[float]) -> list[int]:
    """Return the hashes at which one group ends and the next begins, exactly."""
    ends = list(accumulate(map(Fraction, weights)))
    hashes = 2 ** (8 * HASH_BYTES)
    return [int(end / ends[-1] * hashes) for end in ends[:-1]]
