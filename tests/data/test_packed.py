"""Packed sessions: the right numbers, kept on disk bit for bit or not at all."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.clicks import Log, in_order, logs, sessions_of, table
from reference.data import random_sessions
from tronrec.data.encoding import index_items
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.schemas import INDEX, ITEM


def pack(*lengths: int) -> PackedSessions:
    return PackedSessions(
        np.arange(1, sum(lengths) + 1, dtype=np.int32),
        np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
    )


@settings(max_examples=50)
@given(log=logs().map(in_order))
def test_sessions_are_packed_in_order_as_item_numbers(log: Log) -> None:
    items = index_items(table(log))
    packed = PackedSessions.from_clicks(table(log), items)
    number = dict(zip(items[ITEM], items[INDEX], strict=True))
    sessions = sessions_of(log)
    assert len(packed) == len(sessions)
    bounds = zip(packed.offsets, packed.offsets[1:], strict=False)
    for clicks, (begin, end) in zip(sessions.values(), bounds, strict=True):
        assert packed.items[begin:end].tolist() == [number[c.item] for c in clicks]


@given(st.integers(0, 2**32))
def test_targets_are_all_clicks_but_the_first(seed: int) -> None:
    sessions = random_sessions(seed, sessions=9, num_items=9, longest=6)
    expected = [
        number
        for number in range(len(sessions))
        for _ in range(sessions.offsets[number] + 1, sessions.offsets[number + 1])
    ]
    assert sessions.session_of_target.tolist() == expected
    assert sessions.num_targets == len(expected)


def test_no_clicks_are_no_sessions() -> None:
    items = index_items(table([]))
    assert len(PackedSessions.from_clicks(table([]), items)) == 0


@settings(max_examples=20)
@given(log=logs())
def test_an_item_without_a_number_is_an_error(log: Log) -> None:
    items = index_items(table(log))
    unknown = items.filter(pl.col(INDEX) != 1)
    with pytest.raises(UserError, match=f"{items['count'][0]} clicks are on items"):
        PackedSessions.from_clicks(table(in_order(log)), unknown)


@settings(max_examples=20)
@given(lengths=st.lists(st.integers(1, 9)))
def test_what_is_saved_is_loaded(
    lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "sessions.safetensors"
    packed = pack(*lengths)
    packed.save(path)
    loaded = PackedSessions.load(path)
    for name in ("items", "offsets"):
        ours, theirs = getattr(packed, name), getattr(loaded, name)
        assert theirs.dtype == ours.dtype
        assert theirs.tolist() == ours.tolist()
        assert isinstance(theirs, np.memmap) or not theirs.size


def test_a_change_stays_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "sessions.safetensors"
    pack(2, 3).save(path)
    before = path.read_bytes()
    PackedSessions.load(path).items[:] = 9
    assert path.read_bytes() == before


def test_a_file_that_is_open_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sessions.safetensors"
    pack(2, 3).save(path)
    loaded = PackedSessions.load(path)
    pack(7).save(path)
    assert loaded.offsets.tolist() == [0, 2, 5]
    assert PackedSessions.load(path).offsets.tolist() == [0, 7]
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208


def test_a_failed_save_leaves_the_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sessions.safetensors"
    pack(2, 3).save(path)

    def fail(descriptor: int) -> None:
        raise OSError(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"^\d+$"):
        pack(7).save(path)
    assert PackedSessions.load(path).offsets.tolist() == [0, 2, 5]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "sessions.safetensors"
    pack(2, 3).save(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match="no readable packed sessions"):
            PackedSessions.load(path)


def tensor(dtype: str, begin: int, end: int, size: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": [size], "data_offsets": [begin, end]}


def write(path: Path, data: bytes, **header: dict[str, object]) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


ONE_CLICK = struct.pack("<2q1i", 0, 1, 7)
OFFSETS = tensor("I64", 0, 16, 2)
ITEMS = tensor("I32", 16, 20, 1)


def test_the_file_is_plain_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "sessions.safetensors"
    write(path, ONE_CLICK, offsets=OFFSETS, items=ITEMS)
    assert PackedSessions.load(path).items.tolist() == [7]


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({}, b""),
        ({"offsets": OFFSETS}, ONE_CLICK[:16]),
        ({"offsets": OFFSETS, "items": tensor("F32", 16, 20, 1)}, ONE_CLICK),
        ({"offsets": tensor("F64", 0, 16, 2), "items": ITEMS}, ONE_CLICK),
        ({"offsets": OFFSETS, "items": tensor("I32", 16, 24, 2)}, ONE_CLICK + bytes(4)),
        ({"offsets": OFFSETS, "items": ITEMS}, ONE_CLICK + b" "),
        ({"offsets": OFFSETS, "items": ITEMS}, struct.pack("<2q1i", 1, 1, 7)),
    ],
)
def test_other_files_are_refused(
    header: dict[str, dict[str, object]], data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.safetensors"
    write(path, data, **header)
    with pytest.raises(UserError, match="no readable packed sessions"):
        PackedSessions.load(path)


def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PackedSessions.load(tmp_path / "sessions.safetensors")


@pytest.mark.parametrize(
    ("items", "offsets", "message"),
    [
        ([1, 2], [0, 1], "end at 1, not at the 2"),
        ([1, 2], [1, 2], "do not rise from 0"),
        ([1, 2], [0, 0, 2], "do not rise from 0"),
        ([1, 2], [0, 3, 2], "do not rise from 0"),
        ([], [], "do not rise from 0"),
        ([[1, 2]], [0, 2], r"items are int32 of shape \(1, 2\)"),
    ],
)
def test_arrays_that_are_no_sessions_are_refused(
    items: list, offsets: list, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PackedSessions(np.array(items, np.int32), np.array(offsets, np.int64))


def test_other_dtypes_are_refused() -> None:
    packed = pack(2)
    with pytest.raises(ValueError, match="items are int64 of shape"):
        PackedSessions(packed.items.astype(np.int64), packed.offsets)
    with pytest.raises(ValueError, match="offsets are int32 of shape"):
        PackedSessions(packed.items, packed.offsets.astype(np.int32))
