"""A shop's own log: its columns by name, and no fault that passes in silence."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tronrec.data.events import TYPE
from tronrec.data.formats import FORMATS
from tronrec.data.reading.bad_lines import BadLine, read_file
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.errors import UserError
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TIME

NAMES = {"session": "visit", "item": "sku", "time": "at"}
TYPED = Columns(**NAMES, type="what", click="view", separator=";")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())


def read(
    path: Path, format: str, columns: Columns, data: bytes | None = None
) -> tuple[list[tuple], list[BadLine]]:
    if data is not None:
        path.write_bytes(data)
    raw = RawFile(str(path))
    parts = list(read_file(RawLog(FORMATS[format], (raw,), columns=columns), raw))
    rows = [
        row
        for part in parts
        if part.events.height
        for row in part.events.select(SESSION, ITEM, TIME, TYPE).iter_rows()
    ]
    return rows, [line for part in parts for line in part.bad_lines]


def test_csv(tmp_path: Path) -> None:
    data = (
        b'\xef\xbb\xbfnote;what;"sku";visit;at\r\n'
        b'"a;b";view;5;7;2024-05-01T12:00:00Z\r\n'
        b"x;buy;6;7;2024-05-01 12:00:00\r\n"
    )
    assert read(tmp_path / "log", "csv", TYPED, data) == (
        [(7, 5, NOON, "clicks"), (7, 6, NOON, "other")],
        [],
    )


@pytest.mark.parametrize(
    "line",
    [
        "x;view;5;;2024-05-01T12:00:00Z",
        "x;view;5.5;7;2024-05-01T12:00:00Z",
        "x;view;-5;7;2024-05-01T12:00:00Z",
        "x;view;5;7;2024-05-01T12:00:00+02:00",
        "x;view;5;7;2024-05-01",
        "x;;5;7;2024-05-01T12:00:00Z",
        "x;view;5;7",
        "x;view;5;7;2024-05-01T12:00:00Z;more",
        "",
        '"x;view;5;7;2024-05-01T12:00:00Z',
    ],
)
def test_bad_lines_of_csv(line: str, tmp_path: Path) -> None:
    good = "x;view;5;7;2024-05-01T12:00:00Z"
    lines = ["note;what;sku;visit;at", good, line, good, ""]
    rows, bad = read(tmp_path / "log", "csv", TYPED, "\n".join(lines).encode())
    assert len(rows) == 2
    assert [(b.line, b.text) for b in bad] == [(3, line)]


def test_a_last_line_without_an_end_may_be_torn(tmp_path: Path) -> None:
    columns = Columns(**NAMES, time_unit="s")
    data = f"visit,at,sku\n1,{SECONDS},5\n1,{SECONDS},12".encode()
    rows, (bad,) = read(tmp_path / "log", "csv", columns, data)
    assert rows == [(1, 5, NOON, "clicks")]
    assert (bad.line, bad.text) == (3, f"1,{SECONDS},12")
    assert "still being written" in bad.reason


@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 1000), ("us", 1_000_000)])
def test_times_are_counted_in_their_unit(unit: str, scale: int, tmp_path: Path) -> None:
    columns = Columns(**NAMES, time_unit=unit)
    line = f'{{"at":{SECONDS * scale},"sku":5,"visit":7,"more":[]}}\n'
    rows, bad = read(tmp_path / "log", "jsonl", columns, line.encode())
    assert (rows, bad) == ([(7, 5, NOON, "clicks")], [])


@pytest.mark.parametrize(
    "line",
    ['{"at":1.5,"sku":5,"visit":7}', '{"sku":5,"visit":7}', "[]", "", '{"at":17145'],
)
def test_bad_lines_of_jsonl(line: str, tmp_path: Path) -> None:
    columns = Columns(**NAMES, time_unit="s")
    good = f'{{"at":{SECONDS},"sku":5,"visit":7}}'
    data = f"{good}\n{line}\n{good}\n".encode()
    rows, bad = read(tmp_path / "log", "jsonl", columns, data)
    assert len(rows) == 2
    assert [b.line for b in bad] == [2]


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_parquet(zone: str | None, tmp_path: Path) -> None:
    times = pl.Series([NOON, None, NOON], dtype=pl.Datetime("us", "UTC"))
    at = times.dt.convert_time_zone(zone) if zone else times.dt.replace_time_zone(None)
    table = pl.DataFrame({"visit": ["7", "8", "x"], "sku": [5, 6, 7], "at": at})
    table.write_parquet(tmp_path / "log")
    rows, bad = read(tmp_path / "log", "parquet", Columns(**NAMES))
    assert rows == [(7, 5, NOON, "clicks")]
    assert [(b.line, b.reason[:16]) for b in bad] == [
        (2, "the time must be"),
        (3, "the session must"),
    ]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_missing_column_is_named(format: str, tmp_path: Path) -> None:
    table = pl.DataFrame({"visit": [7], "at": [1]})
    write = {"csv": table.write_csv, "parquet": table.write_parquet}[format]
    write(tmp_path / "log")
    with pytest.raises(UserError, match=r"no column sku among .*in the catalog"):
        read(tmp_path / "log", format, Columns(**NAMES))


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "log", "parquet", TYPED, b"visit;sku\n")


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"log:1: a column is there twice among"):
        read(tmp_path / "log", "csv", Columns(**NAMES), b"visit,sku,at,sku\n1,2,3,4\n")


def test_a_header_that_is_no_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"log:1: the header cannot be read"):
        read(tmp_path / "log", "csv", Columns(**NAMES), b"visit,\rsku,at\n1,2,3\n")
    with pytest.raises(UserError) as caught:
        read(tmp_path / "log", "csv", Columns(**NAMES), b"x" * 10_000)
    assert len(str(caught.value)) < 500
