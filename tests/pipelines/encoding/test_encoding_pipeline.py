"""Encoding as Kedro runs it."""

import polars as pl
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from reference.clicks import EPOCH, Click, table
from tronrec.pipelines.encoding import create_pipeline


def test_clicks_become_sessions_of_item_numbers() -> None:
    fit = [Click(s, i, EPOCH) for s, i in ((1, 50), (1, 60), (2, 60), (2, 60))]
    validation = [Click(3, i, EPOCH) for i in (60, 50)]
    test = [Click(4, i, EPOCH) for i in (50, 50, 70)]
    train = [*fit, *validation, Click(5, 70, EPOCH)]
    catalog = DataCatalog()
    parts = {"train": train, "fit": fit, "validation": validation, "test": test}
    everything = [*train, *test]
    for part, log in (parts | {"filtered": everything}).items():
        catalog[f"{part}_clicks"] = table(log)
    catalog["clicks"] = table(everything)
    catalog["item_ids"] = pl.DataFrame()
    catalog["ingestion_report"] = {"clicks": len(everything)}
    for stage, drops in (("filtering", 0), ("splitting", 0), ("validation", 1)):
        catalog[f"{stage}_drops"] = {"for a reason": drops}
    catalog["validation_period"] = {}
    catalog["test_period"] = {"begins": "2022-08-01T00:00:00+00:00", "warning": None}
    out = SequentialRunner().run(create_pipeline(), catalog)
    numbers = {
        part: out[f"{part}_sessions"].load().items.tolist()
        for part in ("fit", "validation", "test")
    }
    assert numbers == {"fit": [2, 1, 1, 1], "validation": [1, 2], "test": [2, 2, 3]}
    assert out["fit_sessions"].load().offsets.tolist() == [0, 2, 4]
    report = out["preparation_report"].load()
    assert report["validation"]["dropped"] == {"for a reason": 1}
    statistics = out["statistics"].load()
    assert {part: statistics[part]["events"] for part in parts} == {
        part: len(log) for part, log in parts.items()
    }
    assert out["days"].load() == {
        "day": ["2022-08-01"],
        "clicks": [10],
        "fit": [4],
        "validation": [2],
        "test": [3],
        "borders": {"validation": None, "test": "2022-08-01T00:00:00+00:00"},
    }
