"""What tables must be that come from outside, or lie on disk between two runs.

The catalog names these as validators. Each reads its data once, on every load.
"""

import numpy as np
import polars as pl

from tronrec.data.clicks import read_sessions
from tronrec.data.events import EARLIEST, LATEST
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.schemas import CLICKS, COUNT, INDEX, ITEM, ITEMS, SESSION, TIME


def check_clicks(clicks: pl.LazyFrame) -> None:
    """Check that a table is what later stages take for granted, wherever it came from.

    Raises:
        UserError: A column is missing or has another type, nulls or values out of
            range, a session is in several places, or clicks or sessions are not in
            the order of time.
    """
    _check_schema("clicks", clicks.collect_schema(), CLICKS)
    _check_values(clicks)
    _check_order(clicks)


def check_items(items: pl.DataFrame) -> None:
    """Check that an item index numbers its items from 1.

    Raises:
        UserError: It has other columns, its numbers have gaps, or an item has two.
    """
    _check_schema("items", items.schema, ITEMS)
    numbers = items[INDEX].to_numpy()
    if (numbers != np.arange(1, items.height + 1)).any():
        raise UserError("The items are not numbered from 1; write the item index again")
    if items[ITEM].is_duplicated().any() or (items[COUNT] < 1).any():
        raise UserError(
            "The item index has an item twice or without clicks; write it again"
        )


def check_sessions(sessions: PackedSessions) -> None:
    """Check that sessions hold item numbers, and at least two each.

    Raises:
        UserError: A number is below 1, or a session has a single click.
    """
    if len(sessions) and int(np.diff(sessions.offsets).min()) < 2:  # noqa: PLR2004
        raise UserError("A session has a single click; prepare the data set again")
    if len(sessions) and int(sessions.items.min()) < 1:
        raise UserError("An item number is below 1; prepare the data set again")


def _check_schema(name: str, schema: pl.Schema, expected: pl.Schema) -> None:
    """Check columns; ids may also be text, and times of any unit."""
    wrong = [
        f"{column}: {kind}"
        for column, kind in expected.items()
        if _usual(column, schema.get(column)) != kind
    ]
    if wrong:
        raise UserError(
            f"The {name} lack the columns {', '.join(wrong)}; they have "
            f"{', '.join(f'{column}: {kind}' for column, kind in schema.items())}"
        )


def _usual(column: str, kind: pl.DataType | None) -> pl.DataType | None:
    if column in (SESSION, ITEM) and kind == pl.String:
        return CLICKS[column]
    if isinstance(kind, pl.Datetime) and kind.time_zone == "UTC":
        return CLICKS[TIME]
    return kind


def _check_values(clicks: pl.LazyFrame) -> None:
    in_range = pl.col(TIME).is_between(EARLIEST, LATEST, closed="left")
    nulls, outside = (
        clicks.select(
            pl.any_horizontal(pl.col(CLICKS.names()).is_null()).sum().alias("nulls"),
            (~in_range).sum().alias("outside"),
        )
        .collect(engine="streaming")
        .row(0)
    )
    if nulls or outside:
        raise UserError(
            f"The clicks have {nulls:,} rows with nulls and {outside:,} rows with a "
            "time outside 1990 to 2099; drop or mend them"
        )


def _check_order(clicks: pl.LazyFrame) -> None:
    backwards = disordered = 0
    sessions, last = [], -1
    for block in read_sessions(clicks.select(SESSION, TIME)):
        times = block.clicks[TIME].to_physical().to_numpy()
        steps = np.diff(times) < 0
        steps[block.bounds[1:-1] - 1] = False
        backwards += int(steps.sum())
        starts = np.concatenate(([last], times[block.bounds[:-1]]))
        disordered += int((np.diff(starts) < 0).sum())
        last = int(starts[-1])
        sessions.append(block.first(SESSION))
    ids = pl.concat(sessions) if sessions else pl.Series()
    pieces = len(ids) - ids.n_unique()
    if backwards or disordered or pieces:
        raise UserError(
            f"The clicks have {backwards:,} rows before their predecessor in the "
            f"session, {pieces:,} breaks inside sessions, {disordered:,} sessions "
            "before their predecessor; sort by the session's first time, session and "
            "time"
        )
