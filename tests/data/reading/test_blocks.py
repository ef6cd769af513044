"""Blocks of lines: complete, numbered, and an error for whatever is damaged."""

import bz2
import gzip
import lzma
import re
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tronrec.data.reading import blocks
from tronrec.data.reading.blocks import Block, read_blocks
from tronrec.data.reading.log import RawFile
from tronrec.errors import UserError

TEXT = b"".join(b"line %d\n" % number for number in range(500))

PACK = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "zstd stream": lambda data: (
        (packer := zstandard.ZstdCompressor().compressobj()).compress(data)
        + packer.flush()
    ),
}
packings = st.sampled_from(list(PACK))

OTHER_KIND = re.compile(
    rb"[\x1f\x28\xfe\xff]|[P-_]\*M\x18|\x04\"M\x18|PK\x03\x04|\xfd7zXZ|BZh\d|PAR1\x15"
)
"""How files begin that are not plain lines; Hypothesis draws from texts of the code."""


def read(data: bytes, block_bytes: int = 1 << 20) -> list[Block]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_bytes(data)
        return list(read_blocks(RawFile(str(path)), block_bytes))


@settings(max_examples=100)
@given(
    lines=st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b" "))),
    closed=st.booleans(),
    packing=packings,
    block_bytes=st.integers(1, 64),
)
def test_blocks_are_the_file_in_whole_lines(
    lines: list[bytes], closed: bool, packing: str, block_bytes: int
) -> None:
    data = b"\n".join(lines) + b"\n" * (closed and bool(lines))
    assume(packing != "plain" or not OTHER_KIND.match(data))
    found = read(PACK[packing](data), block_bytes)
    assume(not data.startswith(b"\xef"))
    text = data.rstrip(b"\r\n")
    end = data[len(text) :].partition(b"\n")
    whole = text and text + end[0] + end[1]
    assert b"".join(block.data for block in found) == whole
    assert all(block.data.endswith(b"\n") for block in found[:-1])
    begin = 0
    for block in found:
        assert block.line == 1 + data[:begin].count(b"\n")
        begin += len(block.data)


@pytest.mark.parametrize("packing", PACK)
def test_blocks_are_small(packing: str) -> None:
    found = read(PACK[packing](TEXT), 100)
    assert max(len(block.data) for block in found) <= 100
    assert len(found) > len(TEXT) / 100


def test_a_block_holds_at_least_one_line() -> None:
    assert [block.data for block in read(b"long\nlonger\n", 2)] == [
        b"long\n",
        b"longer\n",
    ]


@settings(max_examples=30)
@given(
    packing=st.sampled_from(["gzip", "zstd", "zstd stream"]),
    cut=st.integers(0, len(TEXT)),
    block_bytes=st.sampled_from([1, 7, 1 << 20]),
)
def test_packed_streams_follow_one_another(
    packing: str, cut: int, block_bytes: int
) -> None:
    data = PACK[packing](TEXT[:cut]) + PACK[packing](TEXT[cut:])
    assert b"".join(block.data for block in read(data, block_bytes)) == TEXT


@settings(max_examples=60)
@given(packing=st.sampled_from(["gzip", "zstd", "zstd stream"]), data=st.data())
def test_a_packed_file_that_is_cut_off_is_an_error(
    packing: str, data: st.DataObject
) -> None:
    packed = PACK[packing](TEXT)
    size = data.draw(st.integers(4, len(packed) - 1))
    with pytest.raises(UserError, match=r"log\.csv: damaged \(its end is missing\)"):
        read(packed[:size])


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("tail", [b"garbage", b"\x1f\x8bgarbage"])
def test_a_damaged_file_is_an_error(packing: str, tail: bytes) -> None:
    with pytest.raises(UserError, match="damaged"):
        read(PACK[packing](TEXT) + tail)


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.csv: cannot be read \(No such file"):
        list(read_blocks(RawFile(str(tmp_path / "gone.csv"))))


def test_a_file_without_line_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LONGEST_LINE", 1000)
    with pytest.raises(UserError, match=r"log\.csv:2: no line end in .* bytes"):
        read(b"a line\n" + b"[" * 5000, 100)


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\r\n", b"\n" * 9])
def test_a_mark_before_and_blank_lines_behind_are_left_out(
    packing: str, end: bytes
) -> None:
    lines = b"\n\none\n\ntwo"
    for block_bytes in (1, 6, 100):
        found = read(PACK[packing](b"\xef\xbb\xbf" + lines + end), block_bytes)
        text = b"".join(block.data for block in found)
        assert text.rstrip(b"\r\n") == lines
        assert text.count(b"\n") <= 5
        assert found[-1].line + found[-1].data.rstrip().count(b"\n") == 5
    assert read(PACK[packing](end), 1) == []


def test_frames_without_content_are_passed_over() -> None:
    content = zstandard.compress(TEXT)
    empty = b"\x5f\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    for data in (empty + content, content + empty, empty + content + empty + content):
        text = b"".join(block.data for block in read(data))
        assert text == TEXT * data.count(content)


@pytest.mark.parametrize("zeros", [1, 511, 1 << 21])
def test_zeros_behind_gzip_are_passed_over(zeros: int) -> None:
    packed = gzip.compress(TEXT) + bytes(zeros)
    assert b"".join(block.data for block in read(packed)) == TEXT
    assert b"".join(block.data for block in read(packed * 2)) == TEXT * 2


def test_zeros_behind_zstd_are_damage() -> None:
    with pytest.raises(UserError, match="damaged"):
        read(zstandard.compress(TEXT) + bytes(8))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bz2.compress(TEXT), "packed with bzip2; make it plain"),
        (lzma.compress(TEXT), "packed with xz; make it plain"),
        (TEXT.decode().encode("utf-16"), "text in UTF-16; write it in UTF-8"),
        (b"PK\x03\x04...", "a zip archive; make it plain"),
        (b"PAR1\x15...", "a Parquet file; set the format of raw_log to parquet"),
    ],
)
def test_other_kinds_of_files_are_named(data: bytes, kind: str) -> None:
    with pytest.raises(UserError, match=rf"log\.csv: {kind}"):
        read(data)
