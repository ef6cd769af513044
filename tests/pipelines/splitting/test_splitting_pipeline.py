"""Splitting as Kedro runs it."""

from datetime import timedelta

from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from reference.clicks import EPOCH, Click, rows, table
from tronrec.params import FilteringParams, SplittingParams
from tronrec.pipelines.splitting import create_pipeline


def test_clicks_are_split_twice_by_the_parameters() -> None:
    log = [
        Click(session, 1, EPOCH + timedelta(days=session))
        for session in range(10)
        for _ in range(2)
    ]
    catalog = DataCatalog()
    catalog["filtered_clicks"] = table(log)
    catalog["params:filtering"] = FilteringParams(min_session_length=2)
    catalog["params:splitting"] = SplittingParams(
        test_days=2, validation_days=3, min_predictions=1
    )
    out = SequentialRunner().run(create_pipeline(), catalog)
    sessions = {
        name.removesuffix("_clicks"): [c.session for c in rows(out[name].load())][::2]
        for name in ("test_clicks", "fit_clicks", "validation_clicks")
    }
    assert out["validation_period"].load()["predictions"] == 4
    assert out["test_period"].load()["begins"] == "2022-08-08T00:00:00+00:00"
    assert sessions == {
        "fit": [0, 1, 2],
        "validation": [3, 4, 5, 6],
        "test": [7, 8, 9],
    }
