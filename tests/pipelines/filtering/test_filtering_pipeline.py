"""Filtering as Kedro runs it."""

from datetime import timedelta

from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from reference.clicks import EPOCH, Click, rows, table
from tronrec.params import FilteringParams
from tronrec.pipelines.filtering import create_pipeline

LOG = [Click(s, i, EPOCH) for s, i in ((1, 5), (1, 5), (2, 5), (3, 5), (3, 6))]
TOO_LATE = [Click(4, 6, EPOCH + timedelta(days=1)) for _ in range(2)]


def test_clicks_are_filtered_by_the_parameters() -> None:
    catalog = DataCatalog()
    catalog["clicks"] = table(LOG + TOO_LATE)
    catalog["params:filtering"] = FilteringParams(min_item_support=2)
    catalog["params:splitting.since"] = None
    catalog["params:splitting.until"] = "2022-08-02"
    out = SequentialRunner().run(create_pipeline(), catalog)
    assert rows(out["filtered_clicks"].load()) == LOG[:2]
    assert out["filtering_drops"].load() == {
        "from splitting.until on": 2,
        "in short sessions": 1,
        "on rare items": 1,
        "in sessions that became short": 1,
    }
