"""Damaged raw files: exact clicks and counts or one plain error, and no half output.

`TRONREC_EXAMPLES` is the number of files that each test draws; a few by default.
"""

import gzip
import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from pyarrow import parquet

from reference.clicks import EPOCH, Click, Log, in_order, rows
from reference.damage import damaged, damaged_files
from reference.raw import Event, read_file
from tronrec.data.formats import FORMATS
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.datasets import LazyFrameDataset, RecordDataset
from tronrec.errors import UserError
from tronrec.params import Columns, IngestionParams
from tronrec.pipelines.ingestion import create_pipeline

EXAMPLES = int(os.environ.get("TRONREC_EXAMPLES", "40"))
NAMES = ("diginetica", "yoochoose", "otto", "csv", "jsonl")
TABLES = ("raw_events", "bad_lines", "item_ids", "grouped_clicks", "clicks")
OUTPUTS = (*(f"{name}.parquet" for name in TABLES), "ingestion_report.json")
FORMER = b"what the last run left"

fuzzed = settings(max_examples=EXAMPLES)
several_params = st.builds(
    IngestionParams,
    on_bad_rows=st.sampled_from(["fail", "quarantine"]),
    duplicates=st.sampled_from(["keep", "drop"]),
    clicks_at_once=st.sampled_from([1, 5, 1 << 22]),
)


def ingest(log: RawLog, params: IngestionParams, folder: Path) -> bool:
    """Run the pipeline over former outputs; return whether it came to its end.

    Whatever it raises is one plain error, and leaves former or whole outputs.
    """
    catalog = DataCatalog()
    catalog["raw_log"] = log
    catalog["params:ingestion"] = params
    for name in TABLES:
        path = str(folder / f"{name}.parquet")
        catalog[name] = LazyFrameDataset(filepath=path, collect=name == "item_ids")
    report = str(folder / "ingestion_report.json")
    catalog["ingestion_report"] = RecordDataset(filepath=report)
    for name in OUTPUTS:
        (folder / name).write_bytes(FORMER)
    try:
        SequentialRunner().run(create_pipeline(), catalog)
    except Exception as error:
        assert is_plain(error), repr(error)
        for name in OUTPUTS:
            if (folder / name).read_bytes() != FORMER:
                read_output(folder, name)
        return False
    finally:
        assert sorted(path.name for path in folder.iterdir()) == sorted(OUTPUTS)
    return True


def is_plain(error: BaseException | None) -> bool:
    """Return whether the command line shows a message only."""
    while error and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error is not None


def read_output(folder: Path, name: str) -> pl.DataFrame | dict:
    if name.endswith(".json"):
        return RecordDataset(filepath=str(folder / name)).load()
    return pl.read_parquet(folder / name)


def check_outputs(folder: Path, events: list[Event], params: IngestionParams) -> None:
    """Compare what was written with all good events of the file, in its order."""
    report = read_output(folder, "ingestion_report.json")
    bad = read_output(folder, "bad_lines.parquet")
    found = report["train"]
    assert (found["events"], found["bad_lines"]) == (len(events), bad.height)
    for kind in ("clicks", "carts", "orders", "other"):
        assert found[kind] == sum(type_ == kind for *_, type_ in events)
    log = [Click(*event) for *event, type_ in events if type_ == "clicks"]
    clicks = in_order(log)
    if params.duplicates == "drop":
        clicks = list(dict.fromkeys(clicks))
    assert report["duplicate_clicks"] == len(log) - len(set(log))
    assert report["late_clicks"] == count_late(log)
    assert report["clicks"] == len(clicks)
    assert rows(read_output(folder, "clicks.parquet")) == clicks


def count_late(log: Log) -> int:
    last: dict[int, Click] = {}
    late = 0
    for click in log:
        late += click.session in last and click.time < last[click.session].time
        last[click.session] = click
    return late


def without_lines(data: bytes, numbers: set[int]) -> bytes:
    """Return a file without some of its lines, and without blank ones."""
    lines = enumerate(data.split(b"\n"), start=1)
    return b"".join(line + b"\n" for n, line in lines if line and n not in numbers)


Pack = Callable[[bytes], bytes]


def unpack(data: bytes) -> bytes:
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        reader = zstandard.ZstdDecompressor().stream_reader(
            data, read_across_frames=True
        )
        return reader.read()
    return data


@fuzzed
@given(file=damaged_files(NAMES), params=several_params)
def test_damaged_lines(file: tuple[str, bytes], params: IngestionParams) -> None:
    format, data = file
    with tempfile.TemporaryDirectory() as name:
        check_file(format, data, params, Path(name))


@fuzzed
@given(
    file=damaged_files(NAMES),
    params=several_params,
    pack=st.sampled_from([gzip.compress, zstandard.compress]),
    draw=st.data(),
)
def test_damaged_packing(
    file: tuple[str, bytes], params: IngestionParams, pack: Pack, draw: st.DataObject
) -> None:
    format, data = file
    with tempfile.TemporaryDirectory() as name:
        check_file(format, draw.draw(damaged(pack(data))), params, Path(name))


def check_file(format: str, data: bytes, params: IngestionParams, folder: Path) -> None:
    raw, outputs = folder / FORMATS[format].files["train"], folder / "out"
    raw.write_bytes(data)
    outputs.mkdir()
    if ingest(RawLog(FORMATS[format], (RawFile(str(raw)),)), params, outputs):
        bad = set(read_output(outputs, "bad_lines.parquet")["line"])
        assert params.on_bad_rows == "quarantine" or not bad
        text = unpack(data)
        good = without_lines(text, bad) if bad else text
        check_outputs(outputs, read_file(format, good), params)


UNIX = int(EPOCH.timestamp())
FROM_1990, TO_2100 = 631_152_000, 4_102_444_800
numbers = st.sampled_from([None, -1, 0, 1, 2, 3, 2**63 - 1])
times = st.sampled_from([None, -1, 0, 10**13, 2**62, *range(UNIX, UNIX + 6)])
tables = st.lists(st.tuples(numbers, numbers, times), min_size=1, max_size=30)


def pack_parquet(table: list[tuple]) -> bytes:
    names = ("session_id", "item_id", "timestamp")
    columns = [pa.array(column, pa.int64()) for column in zip(*table, strict=True)]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns, names), sink, row_group_size=7)
    return sink.getvalue().to_pybytes()


def good_rows(table: list[tuple]) -> list[Event]:
    return [
        (session, item, EPOCH + timedelta(seconds=time - UNIX), "clicks")
        for session, item, time in table
        if None not in (session, item, time) and FROM_1990 <= time < TO_2100
    ]


def ingest_parquet(data: bytes, params: IngestionParams, folder: Path) -> bool:
    raw, outputs = folder / "events.parquet", folder / "out"
    raw.write_bytes(data)
    outputs.mkdir()
    columns = Columns(time_unit="s")
    log = RawLog(FORMATS["parquet"], (RawFile(str(raw)),), columns=columns)
    return ingest(log, params, outputs)


@fuzzed
@given(table=tables, params=several_params)
def test_parquet_rows_that_hold_no_event(
    table: list[tuple], params: IngestionParams
) -> None:
    good = good_rows(table)
    with tempfile.TemporaryDirectory() as name:
        if ingest_parquet(pack_parquet(table), params, Path(name)):
            check_outputs(Path(name) / "out", good, params)
        else:
            all_good = len(good) == len(table)
            assert not good or (params.on_bad_rows == "fail" and not all_good)


@fuzzed
@given(table=tables, params=several_params, draw=st.data())
def test_damaged_parquet(
    table: list[tuple], params: IngestionParams, draw: st.DataObject
) -> None:
    data = draw.draw(damaged(pack_parquet(table)))
    with tempfile.TemporaryDirectory() as name:
        if ingest_parquet(data, params, Path(name)):
            found = parquet.read_table(pa.BufferReader(data)).to_pydict()
            names = ("session_id", "item_id", "timestamp")
            as_rows = list(zip(*(found[name] for name in names), strict=True))
            check_outputs(Path(name) / "out", good_rows(as_rows), params)
