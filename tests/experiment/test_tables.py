from datetime import UTC, datetime

import polars as pl
import pytest

from tronrec.errors import UserError
from tronrec.experiment.schemas import EXPOSURES, MOMENT, OUTCOMES
from tronrec.experiment.tables import conform_exposures, conform_outcomes

MOMENT_OF = datetime(2023, 5, 9, 12, tzinfo=UTC)
SHOWN = pl.DataFrame(
    {
        "visitor_id": ["a", "a", "b"],
        "timestamp": [MOMENT_OF] * 3,
        "group": ["x", "x", "y"],
        "items": [["1"], ["1"], ["2"]],
        "page": ["home"] * 3,
    }
)
FOLLOWED = pl.DataFrame(
    {"visitor_id": [1], "timestamp": [MOMENT_OF], "kind": ["click"], "item_id": [1]}
)


def test_rows_that_are_equal_are_one_event_where_there_is_no_id():
    found = conform_exposures(SHOWN.lazy()).collect()
    assert found.columns == EXPOSURES.names()
    first, second, third = found["exposure_id"]
    assert first == second != third


def test_a_quantity_is_one():
    found = conform_outcomes(FOLLOWED.lazy()).collect()
    assert found.columns == OUTCOMES.names()
    assert found["quantity"].to_list() == [1.0]
    assert found["visitor_id"].dtype == pl.Int64


@pytest.mark.parametrize(
    "time",
    [
        pl.col("timestamp").dt.cast_time_unit("ns"),
        pl.col("timestamp").dt.replace_time_zone(None),
        pl.col("timestamp").dt.convert_time_zone("Europe/Berlin"),
    ],
)
def test_times_become_utc(time):
    found = conform_outcomes(FOLLOWED.lazy().with_columns(time)).collect()
    assert found["timestamp"].dtype == MOMENT
    assert found["timestamp"].to_list() == [MOMENT_OF]


def test_lists_are_needed_only_where_items_count():
    without = SHOWN.lazy().drop("items")
    assert conform_exposures(without, with_items=False).collect()["items"].dtype == (
        pl.List(pl.String)
    )
    with pytest.raises(
        UserError, match="exposures have no items; they have visitor_id"
    ):
        conform_exposures(without)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"visitor_id": 1.5}, "visitor_id of outcomes is Float64; give text or whole"),
        ({"item_id": True}, "item_id of outcomes is Boolean"),
        ({"timestamp": 3}, "timestamp of outcomes is Int32; give a time"),
    ],
)
def test_types_that_cannot_be_read_are_refused(wrong, reason):
    table = FOLLOWED.lazy().with_columns(
        pl.lit(own).alias(k) for k, own in wrong.items()
    )
    with pytest.raises(UserError, match=reason):
        conform_outcomes(table)
