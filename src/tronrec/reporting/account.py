"""What became of every row of the raw files, as a table for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from tronrec.reporting.tables import PARTS, markdown_table

Row = list[str]

FILES = {"train": "events in the training files", "test": "events in the test files"}
OTHERS = ("carts", "orders", "other")
"""The types of events that are no clicks."""

TABLES = {"filtered": "after filtering", **PARTS}


def account_table(ingestion: Mapping[str, Any], preparation: Mapping[str, Any]) -> str:
    """Return the rows that were read, those dropped by reason, and those left.

    Args:
        ingestion: From raw files to clicks; empty if there are no raw files.
        preparation: From clicks to what the model trains on, stage by stage.
    """
    rows = [*_reading(ingestion), _left("clicks", preparation["filtering"]["clicks"])]
    for stage, counts in preparation.items():
        rows += [_dropped(f"{stage}: {why}", n) for why, n in counts["dropped"].items()]
        rows += [_left(TABLES[name], n) for name, n in counts["kept"].items()]
    table = markdown_table(["what became of every row", "dropped", "left"], rows)
    return f"{table}\n{_remarks(ingestion)}" if ingestion else table


def _reading(ingestion: Mapping[str, Any]) -> Iterator[Row]:
    parts = {role: ingestion[role] for role in FILES if role in ingestion}
    for role, counts in parts.items():
        yield _left(FILES[role], counts["events"])
    for kind in OTHERS if parts else ():
        yield _dropped(f"reading: {kind}", sum(part[kind] for part in parts.values()))
    if parts:
        yield _dropped("reading: duplicates", ingestion["dropped_duplicates"])


def _remarks(ingestion: Mapping[str, Any]) -> str:
    bad = sum(ingestion[role]["bad_lines"] for role in FILES if role in ingestion)
    remarks = (
        f"Beside these events, {bad:,} bad lines were set aside. "
        f"{ingestion['late_clicks']:,} clicks stood behind a later one of their "
        f"session, and {ingestion['duplicate_clicks']:,} repeat another.\n"
    )
    if ingestion.get("sessions") == ingestion.get("session_ids"):
        return remarks
    return remarks + (
        f"The clicks of {ingestion['session_ids']:,} sessions or visitors were cut "
        f"into {ingestion['sessions']:,} sessions: {ingestion['cut_after_gap']:,} "
        f"begin after a pause, {ingestion['cut_too_long']:,} where one became too "
        "long.\n"
    )


def _left(what: str, rows: int) -> Row:
    return [what, "", f"{rows:,}"]


def _dropped(why: str, rows: int) -> Row:
    return [why, f"{rows:,}", ""]
