"""Item ids in a file of arrays: type, order and every byte come back."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_series_equal
from safetensors.numpy import load_file, save_file

from tronrec.data.item_ids import (
    BYTES,
    OFFSETS,
    find_numbers,
    from_arrays,
    to_arrays,
)
from tronrec.errors import UserError

numbers = st.lists(st.integers(-(2**63), 2**63 - 1))
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9))


@given(numbers.map(lambda n: pl.Series("item_id", n, pl.Int64)))
def test_numbers_come_back(ids: pl.Series) -> None:
    assert_series_equal(from_arrays(to_arrays(ids)), ids)


@given(texts.map(lambda t: pl.Series("item_id", t, pl.String)))
def test_text_comes_back(ids: pl.Series) -> None:
    assert_series_equal(from_arrays(to_arrays(ids)), ids)


@pytest.mark.parametrize("ids", [[7, -1], ["0663713001", "a-103/XL", "ä"], []])
def test_ids_go_through_a_file(ids: list, tmp_path: Path) -> None:
    series = pl.Series("item_id", ids, pl.Int64 if 7 in ids else pl.String)
    weights = {"weights": np.zeros(3, np.float32)}
    save_file(to_arrays(series) | weights, tmp_path / "model.safetensors")
    assert_series_equal(from_arrays(load_file(tmp_path / "model.safetensors")), series)


def test_ids_that_are_not_there_are_missed() -> None:
    with pytest.raises(UserError, match="no item ids"):
        from_arrays({"weights": np.zeros(3)})


@pytest.mark.parametrize(
    ("offsets", "data"),
    [([0, 5], b"abc"), ([0, 2, 1], b"abc"), ([0, 1], b"\xff"), ([], b""), ([1], b"")],
)
def test_damage_is_noticed(offsets: list[int], data: bytes) -> None:
    arrays = {
        OFFSETS: np.array(offsets, np.int64),
        BYTES: np.frombuffer(data, np.uint8),
    }
    with pytest.raises(UserError, match="damaged"):
        from_arrays(arrays)


@given(st.data(), st.sampled_from([pl.Int64(), pl.String()]))
def test_ids_are_found_in_a_catalogue(data: st.DataObject, dtype: pl.DataType) -> None:
    texts = st.sampled_from(["", "0", "00", "a", "A", "ä"])
    one = st.integers(-4, 4) if dtype == pl.Int64() else texts
    catalogue = data.draw(st.lists(one, unique=True))
    ids = data.draw(st.lists(one))
    found = find_numbers(pl.Series(catalogue, dtype=dtype), pl.Series(ids, dtype=dtype))
    assert found.tolist() == [
        catalogue.index(item) + 1 if item in catalogue else 0 for item in ids
    ]
