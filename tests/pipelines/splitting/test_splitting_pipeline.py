"""Splitting as Kedro runs it."""

from datetime import timedelta

import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from reference.clicks import EPOCH, Click, rows, table
from tronrec.errors import UserError
from tronrec.params import FilteringParams, SplittingParams
from tronrec.pipelines.splitting import create_pipeline


def fill(least: int, validation_days: int = 3) -> DataCatalog:
    """Return a catalog with a session a day, and the least of predictions."""
    log = [
        Click(session, 1, EPOCH + timedelta(days=session))
        for session in range(10)
        for _ in range(2)
    ]
    catalog = DataCatalog()
    catalog["filtered_clicks"] = table(log)
    catalog["params:filtering"] = FilteringParams(min_session_length=2)
    catalog["params:splitting"] = SplittingParams(
        test_days=2, validation_days=validation_days, min_predictions=least
    )
    return catalog


def test_clicks_are_split_twice_by_the_parameters() -> None:
    out = SequentialRunner().run(create_pipeline(), fill(least=1))
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


def test_a_small_period_stops_what_measures_on_it() -> None:
    with pytest.raises(UserError, match="has 3 events to predict, fewer than 4"):
        SequentialRunner().run(create_pipeline(), fill(least=4))
    out = SequentialRunner().run(create_pipeline(measures=False), fill(least=4))
    assert out["test_period"].load()["is_too_small"]
    assert not out["validation_period"].load()["is_too_small"]


@pytest.mark.parametrize("measures", [True, False])
def test_no_validation_is_no_small_one(measures: bool) -> None:
    catalog = fill(least=1, validation_days=0)
    out = SequentialRunner().run(create_pipeline(measures=measures), catalog)
    assert out["validation_period"].load() == {}
    assert rows(out["validation_clicks"].load()) == []
