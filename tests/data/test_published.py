"""The counts of published logs; an independent implementation confirmed Diginetica's.

`TRONREC_DATA` names a folder with the raw files of each log in a folder of its own;
none is kept here.
"""

import os
from pathlib import Path

import polars as pl
import pytest

from tronrec.data.filtering import filter_clicks
from tronrec.data.formats import FORMATS
from tronrec.data.reading.grouping import group_sessions
from tronrec.data.reading.ingest import scan_events
from tronrec.data.reading.log import RawLog, find_raw_log
from tronrec.data.reading.sorting import sort_clicks
from tronrec.data.splitting import split_clicks
from tronrec.data.statistics import describe
from tronrec.params import Columns, FilteringParams, IngestionParams, SplittingParams
from tronrec.schemas import TEST_FILE

FOLDER = os.environ.get("TRONREC_DATA")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="TRONREC_DATA names no folder of raw files"
)


def read(log: RawLog) -> pl.LazyFrame:
    params = IngestionParams()
    events = scan_events(log, params).collect().lazy()
    grouped = group_sessions(events, pl.DataFrame(), params)
    return sort_clicks(grouped.collect().lazy(), params).collect().lazy()


def count(clicks: pl.LazyFrame) -> tuple[int, int]:
    described = describe(clicks)
    return described["sessions"], described["events"]


@pytest.mark.parametrize(
    ("folder", "format", "train", "test"),
    [
        ("diginetica", "diginetica", (202_633, 982_961), (0, 0)),
        ("yoochoose", "yoochoose", (21_210, 83_846), (0, 0)),
        ("otto", "otto", (2_700, 65_392), (300, 7_942)),
        ("yoochoose_1_64/shop", "csv", (116_167, 486_026), (15_324, 71_222)),
        ("tmall/shop", "csv", (65_286, 416_554), (1_027, 26_925)),
    ],
)
def test_every_click_is_read(
    folder: str, format: str, train: tuple[int, int], test: tuple[int, int]
) -> None:
    path = Path(str(FOLDER), folder)
    if not path.exists():
        pytest.skip(f"TRONREC_DATA has no {folder}")
    columns = Columns(time_unit="ms")
    clicks = read(find_raw_log(FORMATS[format], str(path), columns=columns))
    assert count(clicks.filter(~pl.col(TEST_FILE))) == train
    assert count(clicks.filter(TEST_FILE)) == test


@pytest.mark.parametrize(
    ("support", "train", "test"),
    [
        (5, (185_979, 901_695, 41_969), (15_900, 76_395)),
        (1, (186_670, 906_140, 43_097), (15_963, 76_821)),
    ],
)
def test_diginetica(
    support: int, train: tuple[int, int, int], test: tuple[int, int]
) -> None:
    clicks = read(find_raw_log(FORMATS["diginetica"], f"{FOLDER}/diginetica"))
    filtered, _ = filter_clicks(clicks, FilteringParams(min_item_support=support))
    *parts, _, _ = split_clicks(
        filtered, SplittingParams(from_midnight=True), min_session_length=2
    )
    items = describe(parts[0])["items"]
    assert (*count(parts[0]), items) == train
    assert count(parts[1]) == test
