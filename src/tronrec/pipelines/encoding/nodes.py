"""The nodes of encoding."""

from typing import Any

import polars as pl

from tronrec.data import account
from tronrec.data.codes import to_codes, to_ids
from tronrec.data.engine import Record, Table, engine_of
from tronrec.data.packed import PackedSessions
from tronrec.data.statistics import tabulate_days


def index_items(train: Table, item_ids: pl.DataFrame) -> pl.DataFrame:
    """Number the items of the training period."""
    return to_ids(engine_of(train).index_items(train), item_ids)


def encode_sessions(
    clicks: Table, items: pl.DataFrame, item_ids: pl.DataFrame
) -> PackedSessions:
    """Return the sessions as item numbers."""
    table = engine_of(clicks).to_polars(clicks)
    return PackedSessions.from_clicks(table, to_codes(items, item_ids))


def count_statistics(
    train: Table,
    fit: Table,
    validation: Table,
    test: Table,
) -> dict[str, dict[str, Any]]:
    """Return the sizes of all parts."""
    return {
        "train": _describe(train),
        "fit": _describe(fit),
        "validation": _describe(validation),
        "test": _describe(test),
    }


def _describe(clicks: Table) -> dict[str, Any]:
    return engine_of(clicks).describe(clicks)


def count_days(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    clicks: Table,
    fit: Table,
    validation: Table,
    test: Table,
    validation_period: Record,
    test_period: Record,
) -> dict[str, Any]:
    """Return the clicks of each day in all and by part, and when periods begin."""
    parts = {"clicks": clicks, "fit": fit, "validation": validation, "test": test}
    periods = {"validation": validation_period, "test": test_period}
    by_part = {name: engine_of(t).clicks_by_day(t) for name, t in parts.items()}
    borders = {name: period.get("begins") for name, period in periods.items()}
    return tabulate_days(by_part) | {"borders": borders}


def account_for_clicks(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    ingestion_report: dict[str, Any],
    clicks: Table,
    filtered: Table,
    train: Table,
    fit: Table,
    validation: Table,
    test: Table,
    filtering_drops: dict[str, int],
    splitting_drops: dict[str, int],
    validation_drops: dict[str, int],
) -> dict[str, Any]:
    """Return what became of all clicks, after checking that it adds up."""
    tables = {
        "clicks": clicks,
        "filtered": filtered,
        "train": train,
        "fit": fit,
        "validation": validation,
        "test": test,
    }
    return account.account_for_clicks(
        ingestion_report,
        {
            "filtering": filtering_drops,
            "splitting": splitting_drops,
            "validation": validation_drops,
        },
        {name: engine_of(table).count_clicks(table) for name, table in tables.items()},
    )
