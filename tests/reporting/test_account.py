"""The table of every row: all counts are shown, and they add up."""

from tronrec.data.account import account_for_clicks, account_for_events
from tronrec.params import IngestionParams
from tronrec.reporting.account import account_table

OTHERS = {"carts": 2, "orders": 1, "other": 0}
READ = {
    "train": {"events": 1_010, "clicks": 1_007, "bad_lines": 1, **OTHERS},
    "test": {"events": 6, "clicks": 3, "bad_lines": 4, **OTHERS},
}
FAULTS = {"clicks": 1_010, "late": 8, "duplicate": 2}
FAULTS |= {"ids": 300, "after_gap": 40, "too_long": 5}
INGESTION = account_for_events(READ, FAULTS, IngestionParams(duplicates="drop"))
KEPT = {
    "clicks": 1_008,
    "filtered": 1_000,
    "train": 900,
    "test": 93,
    "fit": 800,
    "validation": 100,
}
DROPS = {
    "filtering": {"in short sessions": 5, "on rare items": 3},
    "splitting": {"cut at the border": 7},
    "validation": {"in short sessions": 0},
}
PREPARATION = account_for_clicks(INGESTION, DROPS, KEPT)


def cells(table: str) -> list[list[str]]:
    lines = table.partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def test_every_count_is_shown() -> None:
    table = account_table(INGESTION, PREPARATION)
    assert cells(table)[2:] == [
        ["events in the training files", "", "1,010"],
        ["events in the test files", "", "6"],
        ["reading: carts", "4", ""],
        ["reading: orders", "2", ""],
        ["reading: other", "0", ""],
        ["reading: duplicates", "2", ""],
        ["clicks", "", "1,008"],
        ["filtering: in short sessions", "5", ""],
        ["filtering: on rare items", "3", ""],
        ["after filtering", "", "1,000"],
        ["splitting: cut at the border", "7", ""],
        ["training period", "", "900"],
        ["test", "", "93"],
        ["validation: in short sessions", "0", ""],
        ["of it fitted", "", "800"],
        ["of it held out", "", "100"],
    ]
    assert "5 bad lines were set aside. 8 clicks stood behind a later one" in table
    assert "2 repeat another" in table
    assert "of 300 sessions or visitors were cut into 345 sessions: 40 begin" in table


def test_what_is_dropped_and_what_is_left_add_up() -> None:
    rows = cells(account_table(INGESTION, PREPARATION))[2:]
    dropped = sum(int(number) for _, number, _ in rows if number)
    ends = ("of it fitted", "of it held out", "test")
    left = sum(int(number) for name, _, number in rows if name in ends)
    assert dropped + left == 1_010 + 6


def test_a_table_from_elsewhere_has_no_raw_rows() -> None:
    table = account_table({}, PREPARATION)
    assert cells(table)[2] == ["clicks", "", "1,008"]
    assert "bad lines" not in table
