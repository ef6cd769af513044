"""Accounts that add up are returned, others are refused."""

import pytest

from tronrec.data.account import account_for_clicks, account_for_events
from tronrec.errors import UserError
from tronrec.params import IngestionParams

READ = {
    "train": {"events": 9, "clicks": 7, "carts": 2, "bad_lines": 1},
    "test": {"events": 3, "clicks": 3, "carts": 0, "bad_lines": 0},
}
FAULTS = {"clicks": 10, "late": 4, "duplicate": 2}
FAULTS |= {"ids": 3, "after_gap": 2, "too_long": 1}
DROPS = {
    "filtering": {"on rare items": 1},
    "splitting": {"cut at the border": 2, "in short sessions": 0},
    "validation": {},
}
KEPT = {
    "clicks": 10,
    "filtered": 9,
    "train": 4,
    "test": 3,
    "fit": 3,
    "validation": 1,
}


@pytest.mark.parametrize(("duplicates", "dropped"), [("keep", 0), ("drop", 2)])
def test_events_become_clicks(duplicates: str, dropped: int) -> None:
    params = IngestionParams(duplicates=duplicates)
    assert account_for_events(READ, FAULTS, params) == {
        **READ,
        "session_ids": 3,
        "cut_after_gap": 2,
        "cut_too_long": 1,
        "sessions": 6,
        "late_clicks": 4,
        "duplicate_clicks": 2,
        "dropped_duplicates": dropped,
        "clicks": 10 - dropped,
    }


def test_a_click_that_is_lost_in_grouping_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="grouping: 10 clicks"):
        account_for_events(READ, FAULTS | {"clicks": 9}, IngestionParams())


@pytest.mark.parametrize("ingestion", [{}, {"clicks": 10}])
def test_clicks_become_parts(ingestion: dict[str, int]) -> None:
    report = account_for_clicks(ingestion, DROPS, KEPT)
    assert report["splitting"] == {
        "clicks": 9,
        "dropped": DROPS["splitting"],
        "kept": {"train": 4, "test": 3},
    }
    assert list(report) == ["filtering", "splitting", "validation"]


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("change", [-1, 1])
def test_a_row_too_few_or_too_many_is_noticed(table: str, change: int) -> None:
    kept = KEPT | {table: KEPT[table] + change}
    with pytest.raises(RuntimeError, match="clicks are not"):
        account_for_clicks({}, DROPS, kept)


def test_a_clicks_table_of_other_raw_files_is_refused() -> None:
    with pytest.raises(UserError, match=r"has 10 clicks.* became 11; prepare"):
        account_for_clicks({"clicks": 11}, DROPS, KEPT)
