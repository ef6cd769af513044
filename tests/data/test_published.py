"""The counts of Diginetica, as an independent implementation confirmed them.

`TRONREC_DATA` names a folder with the raw files in `diginetica/`; none is kept here.
"""

import os

import pytest

from tronrec.data.filtering import filter_clicks
from tronrec.data.ingest import scan_events
from tronrec.data.raw import find_raw_log
from tronrec.data.sorting import group_sessions, sort_clicks
from tronrec.data.splitting import split_clicks
from tronrec.data.statistics import describe
from tronrec.params import FilteringParams, IngestionParams, SplittingParams

FOLDER = os.environ.get("TRONREC_DATA")


@pytest.mark.skipif(not FOLDER, reason="TRONREC_DATA names no folder of raw files")
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
    log = find_raw_log("diginetica", f"{FOLDER}/diginetica")
    events = scan_events(log, IngestionParams()).collect().lazy()
    grouped = group_sessions(events, IngestionParams()).collect().lazy()
    clicks = sort_clicks(grouped, IngestionParams()).collect().lazy()
    filtered, _ = filter_clicks(clicks, FilteringParams(min_item_support=support))
    *parts, _ = split_clicks(
        filtered, SplittingParams(from_midnight=True), min_session_length=2
    )
    found = [describe(part) for part in parts]
    assert tuple(found[0][name] for name in ("sessions", "events", "items")) == train
    assert tuple(found[1][name] for name in ("sessions", "events")) == test
