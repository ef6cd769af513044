"""A shop's own log: its columns by name, and no fault that passes in silence."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet
from pydantic import ValidationError

from reference.raw import read_csv
from tronrec.data.events import TYPE
from tronrec.data.formats import FORMATS
from tronrec.data.reading.bad_lines import BadLine, read_file
from tronrec.data.reading.log import RawFile, RawLog, find_raw_log
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
        "x;view;A-5;7;2024-05-01T12:00:00Z",
        "x;view;5;7;2024-05-01T12:00:00+25:00",
        "x;view;5;7;2024-05-1",
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


@pytest.mark.parametrize("end", ["", "\n", "\r", "\r\n", "\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_last_line_may_lack_its_end(
    end: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Against the slow reference, plain and packed; each part of a log ends so."""
    columns = Columns(session="session_id", item="item_id", time="timestamp")
    rows = [f"1,{item},2024-05-01T12:00:00Z" for item in (5, 12)]
    text = "\n".join(["session_id,item_id,timestamp", *rows])
    wanted = read_csv(text)
    assert wanted == [(1, 5, NOON, "clicks"), (1, 12, NOON, "clicks")]
    data = pack((text + end).encode())
    assert read(tmp_path / "log", "csv", columns, data) == (wanted, [])
    parts = tmp_path / "events.csv"
    parts.mkdir()
    for name in ("a", "b"):
        (parts / name).write_bytes(data)
    log = find_raw_log(FORMATS["csv"], str(tmp_path), columns=columns)
    both = [read(Path(part.path), "csv", columns) for part in log.train]
    assert both == [(wanted, [])] * 2


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
    with pytest.raises(
        UserError, match=r"cannot be read .*set the format of raw_log to"
    ):
        read(tmp_path / "log", "parquet", TYPED, b"visit;sku\n")


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"log:1: a column is there twice among"):
        read(tmp_path / "log", "csv", Columns(**NAMES), b"visit,sku,at,sku\n1,2,3,4\n")


def test_a_header_that_is_no_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"log:1: the header cannot be read"):
        read(tmp_path / "log", "csv", Columns(**NAMES), b"x" * 200_000 + b",y\n1,2\n")
    with pytest.raises(UserError, match=r"log:1: lines end in a carriage return alone"):
        read(tmp_path / "log", "csv", Columns(**NAMES), b"visit,sku,at\r1,2,3\r")
    with pytest.raises(UserError, match=r"among those of a blank line; name the col"):
        read(tmp_path / "log", "csv", Columns(**NAMES), b"\nvisit,sku,at\n1,2,3\n")
    with pytest.raises(UserError, match=r"among visit;sku;at; .* and their separator"):
        read(tmp_path / "log", "csv", Columns(**NAMES), b"visit;sku;at\n1;2;3\n")
    with pytest.raises(UserError) as caught:
        read(tmp_path / "log", "csv", Columns(**NAMES), b"x" * 10_000)
    assert len(str(caught.value)) < 500


TEXT = Columns(**NAMES, session_type="text", item_type="text")


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_text_ids_are_kept_to_the_byte(format: str, tmp_path: Path) -> None:
    ids = ["A-103/XL", "0663713001", "663713001", 'ä "b", c', " x ", "null", "x" * 200]
    table = pl.DataFrame(
        {"visit": ids, "sku": ids[::-1], "at": [f"{NOON:%Y-%m-%d %H:%M:%S}"] * len(ids)}
    )
    write = {
        "csv": table.write_csv,
        "jsonl": table.write_ndjson,
        "parquet": table.write_parquet,
    }[format]
    write(tmp_path / "log")
    rows, bad = read(tmp_path / "log", format, TEXT)
    assert bad == []
    assert rows == [
        (*pair, NOON, "clicks") for pair in zip(ids, ids[::-1], strict=True)
    ]


@pytest.mark.parametrize("id", ["", "x" * 201, "ä" * 101])
def test_ids_that_are_empty_or_long_are_bad(id: str, tmp_path: Path) -> None:
    lines = [
        "visit,sku,at",
        "a,b,2024-05-01",
        f"a,{id},2024-05-01",
        f"{id},b,2024-05-01",
    ]
    data = "\n".join([*lines, ""]).encode()
    rows, bad = read(tmp_path / "log", "csv", TEXT, data)
    assert len(rows) == 1
    assert [line.reason for line in bad] == [
        "the item must be text of 1 to 200 bytes",
        "the session must be text of 1 to 200 bytes",
    ]


def test_whole_numbers_go_to_the_limits_of_64_bits(tmp_path: Path) -> None:
    numbers = [-(2**63), -1, 0, 2**63 - 1, 2**63, -(2**63) - 1]
    lines = ["visit,sku,at", *(f"1,{number},2024-05-01" for number in numbers), ""]
    rows, bad = read(
        tmp_path / "log", "csv", Columns(**NAMES), "\n".join(lines).encode()
    )
    assert [row[1] for row in rows] == numbers[:4]
    assert [line.line for line in bad] == [6, 7]


@pytest.mark.parametrize("kind", [pl.UInt8, pl.Int16, pl.UInt64, pl.String, pl.Binary])
@pytest.mark.parametrize("item_type", ["integer", "text"])
def test_parquet_columns_of_other_types(kind, item_type: str, tmp_path: Path) -> None:
    sku = pl.Series([5, 6, 7]).cast(pl.String).cast(kind)
    table = pl.DataFrame({"visit": [1, 1, 1], "sku": sku, "at": [NOON] * 3})
    table.write_parquet(tmp_path / "log")
    columns = Columns(**NAMES, item_type=item_type)
    rows, bad = read(tmp_path / "log", "parquet", columns)
    assert bad == []
    assert [row[1] for row in rows] == (
        [5, 6, 7] if item_type == "integer" else [*"567"]
    )


def test_parquet_with_dictionaries_and_days(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"visit": ["a", "b"], "sku": ["x", "y"], "at": [NOON.date()] * 2}
    )
    table.cast({"sku": pl.Categorical}).write_parquet(tmp_path / "log")
    rows, _ = read(tmp_path / "log", "parquet", TEXT)
    midnight = NOON.replace(hour=0)
    assert rows == [("a", "x", midnight, "clicks"), ("b", "y", midnight, "clicks")]


@pytest.mark.parametrize("values", [[2**64 - 1], [1.5], [True], [[5]]])
def test_parquet_values_that_are_no_id_are_bad(values: list, tmp_path: Path) -> None:
    kind = pl.UInt64 if values[0] == 2**64 - 1 else None
    table = pl.DataFrame(
        {"visit": [1], "sku": pl.Series(values, dtype=kind), "at": [NOON]}
    )
    table.write_parquet(tmp_path / "log")
    _, (bad,) = read(tmp_path / "log", "parquet", Columns(**NAMES))
    assert (bad.line, bad.reason) == (1, "the item must be a whole number")


def test_json_values_that_are_no_text_are_bad(tmp_path: Path) -> None:
    values = ['"[1]"', "[1]", '"{"', '{"a": "b"}', "[]", "5", "[" * 5000 + "]" * 5000]
    line = '{"visit": "a", "sku": %s, "at": "2024-05-01"}\n'
    data = "".join(line % value for value in values)
    rows, bad = read(tmp_path / "log", "jsonl", TEXT, data.encode())
    assert [row[1] for row in rows] == ["[1]", "{", "5"]
    assert [line.line for line in bad] == [2, 4, 5, 7]
    assert bad[0].reason == "the item must be text of 1 to 200 bytes"


def test_parquet_bytes_that_are_no_text_are_bad(tmp_path: Path) -> None:
    ids = [b"x", b"\xff", b"", None, "é".encode()]
    table = pl.DataFrame({"visit": [*"abcde"], "sku": ids, "at": [NOON] * 5})
    table.write_parquet(tmp_path / "log")
    rows, bad = read(tmp_path / "log", "parquet", TEXT)
    assert [row[1] for row in rows] == ["x", "é"]
    assert [line.line for line in bad] == [2, 3, 4]


def test_a_parquet_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    values = pa.array([1])
    columns = {"visit": 1, "sku": 2, "at": 1}
    names = [name for name, times in columns.items() for _ in range(times)]
    parquet.write_table(pa.Table.from_arrays([values] * 4, names), tmp_path / "log")
    with pytest.raises(
        UserError, match="a column is there twice among visit, sku, sku"
    ):
        read(tmp_path / "log", "parquet", Columns(**NAMES))
    others = pa.Table.from_arrays([values] * 5, ["visit", "x", "x", "sku", "at"])
    parquet.write_table(others, tmp_path / "log")
    _, (bad,) = read(tmp_path / "log", "parquet", Columns(**NAMES, time_unit="s"))
    assert bad.reason == "the time must be valid and from 1990 to 2099"


def test_columns_have_numbers_where_there_is_no_header(tmp_path: Path) -> None:
    columns = Columns(
        session=1, item=2, time=4, time_unit="s", header=False, separator="::"
    )
    data = (
        f"7::5::3.5::{SECONDS}\r\n8::6::4::{SECONDS}.5\r\n9::6::{SECONDS}\r\n".encode()
    )
    rows, bad = read(tmp_path / "log", "csv", columns, data)
    assert [row[:2] for row in rows] == [(7, 5), (8, 6)]
    assert rows[1][2].microsecond == 500_000
    assert [line.reason for line in bad] == ["3 fields instead of 4"]


def test_fields_may_be_without_quotes(tmp_path: Path) -> None:
    columns = TEXT.model_copy(update={"quotes": False, "separator": "\t"})
    data = b'visit\tsku\tat\n5" nails\t"x\t2024-05-01\n'
    rows, bad = read(tmp_path / "log", "csv", columns, data)
    assert bad == []
    assert rows[0][:2] == ('5" nails', '"x')


def test_a_visitor_and_a_session_are_one_key(tmp_path: Path) -> None:
    columns = Columns(**NAMES, visitor="who")
    lines = ["who,visit,sku,at", "1,7,5,2024-05-01", "2,7,5,2024-05-01", ""]
    rows, _ = read(tmp_path / "log", "csv", columns, "\n".join(lines).encode())
    assert [row[0] for row in rows] == ["1\x1f7", "2\x1f7"]


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_several_types_are_clicks(format: str, tmp_path: Path) -> None:
    columns = Columns(**NAMES, time_unit="s", type="what", click=[0, "view"])
    what = [0, 1, 2] if format == "parquet" else ["0", "view", "buy"]
    table = pl.DataFrame({"visit": [1] * 3, "sku": [5] * 3, "at": [SECONDS] * 3})
    table = table.with_columns(pl.Series("what", what))
    write = {
        "csv": table.write_csv,
        "jsonl": table.write_ndjson,
        "parquet": table.write_parquet,
    }[format]
    write(tmp_path / "log")
    rows, _ = read(tmp_path / "log", format, columns)
    second = "other" if format == "parquet" else "clicks"
    assert [row[3] for row in rows] == ["clicks", second, "other"]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"session": None}, "name the column of one"),
        ({"time_zone": "Mars/Olympus"}, r"time_zone \(Mars/Olympus\) is unknown"),
        ({"separator": ""}, "separator"),
        ({"item": True}, "item"),
        ({"header": "no header"}, "header"),
    ],
)
def test_columns_that_cannot_be_are_refused(columns: dict, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Columns.model_validate(columns)
