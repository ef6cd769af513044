"""What every stage does with a clicks table: check it, count in it, keep a part of it.

Tables stay lazy; what is collected is one row a session or an item, never the clicks.
"""

import polars as pl

from tronrec.errors import UserError
from tronrec.schemas import CLICKS, SESSION, TIME


def check_clicks(clicks: pl.LazyFrame) -> None:
    """Check that a table is what later stages take for granted, wherever it came from.

    Raises:
        UserError: A column is missing or has another type or nulls, a session is in
            several places, or its clicks are not in time order.
    """
    schema = clicks.collect_schema()
    wrong = [
        f"{name}: {kind}" for name, kind in CLICKS.items() if schema.get(name) != kind
    ]
    if wrong:
        raise UserError(
            f"The clicks lack the columns {', '.join(wrong)}; they have "
            f"{', '.join(f'{name}: {kind}' for name, kind in schema.items())}"
        )
    continues = (pl.col(SESSION) == pl.col(SESSION).shift()).fill_null(False)
    found = clicks.select(
        pl.any_horizontal(pl.col(CLICKS.names()).is_null()).sum().alias("nulls"),
        (continues & (pl.col(TIME) < pl.col(TIME).shift())).sum().alias("backwards"),
        (continues.not_().sum() - pl.col(SESSION).n_unique()).alias("pieces"),
    ).collect(engine="streaming")
    nulls, backwards, pieces = found.row(0)
    if nulls or backwards or pieces:
        raise UserError(
            f"The clicks have {nulls:,} rows with nulls, {backwards:,} rows before "
            f"their predecessor in the session, {pieces:,} breaks inside sessions; "
            "drop nulls, and sort by the session's first time, session and time"
        )


def keep(clicks: pl.LazyFrame, values: pl.DataFrame) -> pl.LazyFrame:
    """Return the clicks whose session or item is among `values`, in their order."""
    return clicks.join(
        values.lazy(), on=values.columns, how="semi", maintain_order="left"
    )


def drop(clicks: pl.LazyFrame, sessions: pl.DataFrame) -> pl.LazyFrame:
    """Return the clicks whose session is not among `sessions`, in their order."""
    return clicks.join(
        sessions.lazy(), on=sessions.columns, how="anti", maintain_order="left"
    )


def frequent(clicks: pl.LazyFrame, column: str, count: int) -> pl.DataFrame:
    """Return the sessions or items that have at least `count` clicks."""
    return (
        clicks.group_by(column)
        .len()
        .filter(pl.col("len") >= count)
        .select(column)
        .collect(engine="streaming")
    )
