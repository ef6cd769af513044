"""Raw files as a catalog entry."""

from pathlib import Path

import pytest
from kedro.io import DatasetError

from tronrec.data.formats import FORMATS
from tronrec.data.reading.ingest import scan_events
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.data.simulate import simulate_clicks
from tronrec.datasets import RawLogDataset
from tronrec.errors import UserError
from tronrec.params import IngestionParams, SimulationParams


@pytest.fixture
def dataset(tmp_path: Path) -> RawLogDataset:
    return RawLogDataset(filepath=str(tmp_path / "otto"), format="otto")


def test_files_are_found(dataset: RawLogDataset, tmp_path: Path) -> None:
    train = tmp_path / "otto" / "otto-recsys-train.jsonl.gz"
    train.parent.mkdir()
    train.touch()
    assert dataset.exists()
    assert dataset.load() == RawLog(FORMATS["otto"], (RawFile(str(train)),))


def test_a_pattern_names_the_files(tmp_path: Path) -> None:
    head = "session_id,item_id,timestamp\n"
    for month in (2, 1):
        text = f"{head}{month},7,2024-0{month}-01T00:00:00Z\n"
        (tmp_path / f"clicks-2024-0{month}.csv").write_text(text)
    (tmp_path / "orders.csv").write_text("nothing of this kind")
    log = RawLogDataset(
        filepath=str(tmp_path), format="csv", file="clicks-*.csv"
    ).load()
    assert [Path(file.path).name for file in log.train] == [
        "clicks-2024-01.csv",
        "clicks-2024-02.csv",
    ]
    events = scan_events(log, IngestionParams()).collect()
    assert sorted(events["session_id"]) == [1, 2]


def test_missing_files_say_where_to_get_them(dataset: RawLogDataset) -> None:
    assert not dataset.exists()
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert isinstance(caught.value.__cause__, UserError)
    assert "Download it from https://github.com/otto-de" in str(caught.value.__cause__)


def test_simulated_clicks_can_be_saved_and_read(dataset: RawLogDataset) -> None:
    params = SimulationParams(sessions=300, items=60, categories=6)
    dataset.save(simulate_clicks(params))
    log = dataset.load()
    assert log.test
    events = scan_events(log, IngestionParams()).collect()
    assert events["session_id"].n_unique() == params.sessions


def test_the_description_names_folder_and_format(dataset: RawLogDataset) -> None:
    assert "format='otto'" in str(dataset)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"sesion": "x"}, "columns.sesion: unknown parameter; did you mean session?"),
        ({"time_unit": "h"}, "columns.time_unit = 'h': must be 'iso', 's', 'ms', 'us'"),
        ("visit", "columns = 'visit': must be a block of names and values"),
        ({"session": None}, "columns: session (null) and visitor (null) tell no"),
    ],
)
def test_columns_that_cannot_be_are_named(columns: object, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        RawLogDataset(filepath="/clicks/shop", format="csv", columns=columns)
    first, line = str(caught.value).splitlines()
    assert first == "Invalid catalog entry of /clicks/shop:"
    assert line.strip().startswith(problem)


@pytest.mark.parametrize(
    ("format", "file", "expected"),
    [
        ("otto", None, "live-sessions.jsonl"),
        ("yoochoose", None, "live-sessions.dat"),
        ("csv", "clicks.csv.gz", "live-sessions.csv"),
        ("parquet", "parts", "live-sessions.parquet"),
    ],
)
def test_live_sessions_lie_beside_the_raw_log(
    format: str, file: str | None, expected: str, tmp_path: Path
) -> None:
    (tmp_path / expected).touch()
    entry = RawLogDataset(filepath=str(tmp_path), format=format, file=file, live=True)
    assert [raw.name for raw in entry.load().train] == [expected]
