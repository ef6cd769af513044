"""Ingestion as Kedro runs it."""

from pathlib import Path

from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from reference.clicks import EPOCH, Click, in_order, rows
from reference.raw import write_lines
from tronrec.data.formats import FORMATS
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.params import IngestionParams
from tronrec.pipelines import filtering
from tronrec.pipelines.ingestion import create_pipeline

LOG = [Click(s, i, EPOCH) for s, i in ((7, 5), (3, 6), (7, 6))]


def test_raw_files_become_clicks_and_a_report(tmp_path: Path) -> None:
    raw = tmp_path / "yoochoose-clicks.dat"
    raw.write_text("\n".join(write_lines("yoochoose", LOG)))
    catalog = DataCatalog()
    catalog["raw_log"] = RawLog(FORMATS["yoochoose"], (RawFile(str(raw)),))
    catalog["params:ingestion"] = IngestionParams()
    out = SequentialRunner().run(create_pipeline(), catalog)
    assert rows(out["clicks"].load()) == in_order(LOG)
    report = out["ingestion_report"].load()
    assert report["train"]["events"] == report["clicks"] == 3
    assert out["bad_lines"].load().collect().is_empty()


def test_clicks_that_are_swapped_in_need_no_raw_files() -> None:
    both = create_pipeline() + filtering.create_pipeline()
    assert both.from_inputs("clicks").inputs() == {
        "clicks",
        "params:filtering",
        "params:splitting.since",
        "params:splitting.until",
    }
