from pathlib import Path

import polars as pl
import pytest
from kedro.io import DatasetError

from tronrec.datasets import EventLogDataset
from tronrec.experiment.event_log import OutcomeLog

MADE_UP = pl.LazyFrame({"visitor_id": [1, 2]})


def dataset(path: Path, **changes) -> EventLogDataset:
    return EventLogDataset(filepath=str(path), kind="outcomes", **changes)


def test_parts_and_what_a_killed_writer_left_are_one_table(tmp_path: Path) -> None:
    with OutcomeLog(tmp_path) as log:
        log.add("a", "click", 1)
        segment = next(tmp_path.glob("*.jsonl"))
        left = segment.read_bytes()
    (tmp_path / "outcomes-killed-000001.jsonl").write_bytes(
        left.replace(b'"a"', b'"b"')
    )
    table = dataset(tmp_path).load().collect()
    assert sorted(table["visitor_id"]) == ["a", "b"]
    assert not list(tmp_path.glob("*.jsonl"))
    assert dataset(tmp_path).preview()


def test_a_table_of_ones_own_is_a_file_with_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    pl.DataFrame({"customer": ["a"], "sku": ["b"]}).write_parquet(path)
    table = dataset(path, columns={"visitor_id": "customer", "item_id": "sku"}).load()
    assert table.collect_schema().names() == ["visitor_id", "item_id"]
    with pytest.raises(DatasetError, match="no column client; there are customer, sku"):
        dataset(path, columns={"visitor_id": "client"}).load()


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    MADE_UP.collect().write_parquet(tmp_path / "outcomes-a-000001.parquet")
    (tmp_path / "outcomes-a-000002.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"000002\.parquet: no readable .* restore"):
        dataset(tmp_path).load()


def test_no_log_is_said_plainly(tmp_path: Path) -> None:
    assert not dataset(tmp_path / "none").exists()
    with pytest.raises(DatasetError, match="none: no outcomes"):
        dataset(tmp_path / "none").load()


def test_a_simulated_log_is_replaced_and_a_real_one_never(tmp_path: Path) -> None:
    log = dataset(tmp_path / "log")
    log.save(MADE_UP)
    log.save(MADE_UP.head(1))
    assert log.load().collect().height == 1
    with OutcomeLog(tmp_path / "log") as real:
        real.add("a", "click", 1)
    with pytest.raises(
        DatasetError, match=r"not simulated .*; they are not overwritten"
    ):
        log.save(MADE_UP)
    with pytest.raises(DatasetError, match=r"simulation .* beside real ones"):
        log.load()
    path = tmp_path / "own.parquet"
    MADE_UP.collect().write_parquet(path)
    with pytest.raises(DatasetError, match=r"own\.parquet"):
        dataset(path).save(MADE_UP)
