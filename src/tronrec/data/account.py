"""What became of every row of a raw log: numbers that must add up exactly.

Each stage counts what it drops and why. What a stage keeps is counted afterwards, in
the table that it wrote, so that a lost or doubled row does not go unnoticed.
"""

from collections.abc import Mapping
from typing import Any

from tronrec.errors import UserError
from tronrec.params import IngestionParams

Counts = Mapping[str, int]
"""What, or for which reason -> number of clicks."""


def account_for_events(
    events: Mapping[str, Mapping[str, Any]], faults: Counts, params: IngestionParams
) -> dict[str, Any]:
    """Return what was read and what of it becomes the clicks table.

    Args:
        events: Raw part -> its events by type, and bad lines.
        faults: Clicks, late clicks and duplicates that were found when sorting.
        params: Whether duplicates are dropped.

    Raises:
        RuntimeError: The numbers do not add up: a fault of this program.
    """
    read = sum(part["clicks"] for part in events.values())
    _check("grouping", read, {"grouped": faults["clicks"]}, {})
    repeated = faults["duplicate"] if params.duplicates == "drop" else 0
    return {
        **events,
        "session_ids": faults["ids"],
        "cut_after_gap": faults["after_gap"],
        "cut_too_long": faults["too_long"],
        "sessions": faults["ids"] + faults["after_gap"] + faults["too_long"],
        "late_clicks": faults["late"],
        "duplicate_clicks": faults["duplicate"],
        "dropped_duplicates": repeated,
        "clicks": read - repeated,
    }


def account_for_clicks(
    ingestion: Mapping[str, Any], drops: Mapping[str, Counts], kept: Counts
) -> dict[str, Any]:
    """Return what became of the clicks table, stage by stage.

    Args:
        ingestion: What `account_for_events` returned; empty for a table from elsewhere.
        drops: Stage -> clicks dropped by reason: filtering, splitting and validation.
        kept: Table -> its number of clicks, counted in the table itself.

    Raises:
        UserError: The clicks table is not the one that the raw files became.
        RuntimeError: The numbers do not add up: a fault of this program.
    """
    if ingestion and ingestion["clicks"] != kept["clicks"]:
        raise UserError(
            f"The clicks table has {kept['clicks']:,} clicks, and by ingestion_report "
            f"the raw files became {ingestion['clicks']:,}; prepare the data set again "
            "from its raw files, or delete the report of a table from elsewhere"
        )
    flow = {
        "filtering": ("clicks", ("filtered",)),
        "splitting": ("filtered", ("train", "test")),
        "validation": ("train", ("fit", "validation")),
    }
    report = {}
    for stage, (before, after) in flow.items():
        tables = {table: kept[table] for table in after}
        _check(stage, kept[before], tables, drops[stage])
        report[stage] = {
            "clicks": kept[before],
            "dropped": dict(drops[stage]),
            "kept": tables,
        }
    return report


def _check(stage: str, clicks: int, kept: Counts, dropped: Counts) -> None:
    if clicks != sum(kept.values()) + sum(dropped.values()):
        raise RuntimeError(
            f"{stage}: {clicks:,} clicks are not {dict(kept)} + {dict(dropped)}"
        )
