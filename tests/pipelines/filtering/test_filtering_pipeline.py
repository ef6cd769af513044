"""Filtering as Kedro runs it."""

from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from reference.clicks import EPOCH, Click, rows, table
from tronrec.params import FilteringParams
from tronrec.pipelines.filtering import create_pipeline

LOG = [Click(s, i, EPOCH) for s, i in ((1, 5), (1, 5), (2, 5), (3, 5), (3, 6))]


def test_clicks_are_filtered_by_the_parameters() -> None:
    catalog = DataCatalog()
    catalog["clicks"] = table(LOG)
    catalog["params:filtering"] = FilteringParams(min_item_support=2)
    out = SequentialRunner().run(create_pipeline(), catalog)
    assert rows(out["filtered_clicks"].load()) == LOG[:2]
