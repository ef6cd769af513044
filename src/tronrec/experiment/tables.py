"""Brings a shop's own tables of exposures and outcomes into the form of the schemas.

Columns may be missing that can be made up: an id (rows that are equal in everything are
then the same event) and a quantity (1). Times may have any unit, and are UTC if they
have no zone. Ids may be text or whole numbers.
"""

import polars as pl

from tronrec.errors import UserError
from tronrec.experiment.schemas import (
    EXPOSURE,
    EXPOSURES,
    ITEM,
    ITEMS,
    MOMENT,
    OUTCOME,
    OUTCOMES,
    QUANTITY,
    TIME,
    VISITOR,
)

IDS = {EXPOSURE, OUTCOME, VISITOR, ITEM, ITEMS}
"""Columns that keep their type."""


def conform_exposures(table: pl.LazyFrame, *, with_items: bool = True) -> pl.LazyFrame:
    """Return exposures in the form of `EXPOSURES`.

    Args:
        table: The shop's table.
        with_items: Whether it is needed which items were shown.

    Raises:
        UserError: A column is missing, or of a type that cannot be read.
    """
    schema = table.collect_schema()
    if ITEMS not in schema and not with_items:
        nothing = pl.lit([], pl.List(pl.String))
        table = table.with_columns(nothing.alias(ITEMS))
    return _conform(table, "exposures", EXPOSURES, EXPOSURE)


def conform_outcomes(table: pl.LazyFrame) -> pl.LazyFrame:
    """Return outcomes in the form of `OUTCOMES`.

    Raises:
        UserError: A column is missing, or of a type that cannot be read.
    """
    if QUANTITY not in table.collect_schema():
        table = table.with_columns(pl.lit(1.0).alias(QUANTITY))
    return _conform(table, "outcomes", OUTCOMES, OUTCOME)


def _conform(
    table: pl.LazyFrame, name: str, schema: pl.Schema, number: str
) -> pl.LazyFrame:
    """Return the columns of the schema, in its types but for ids."""
    found = table.collect_schema()
    if number not in found:
        table = table.with_columns(pl.struct(pl.all()).hash().alias(number))
        found = table.collect_schema()
    if missing := [column for column in schema if column not in found]:
        raise UserError(
            f"{name} have no {', '.join(missing)}; they have {', '.join(found)}. "
            f"Name them under `columns` of the catalog entry: {{{missing[0]}: ...}}"
        )
    for column in IDS & {*schema}:
        if not _is_id(found[column]):
            raise UserError(
                f"{column} of {name} is {found[column]}; give text or whole numbers"
            )
    moment = found[TIME]
    if not isinstance(moment, pl.Datetime):
        raise UserError(
            f"{TIME} of {name} is {found[TIME]}; give a time of any unit (Datetime)"
        )
    time = pl.col(TIME)
    if moment.time_zone is None:
        time = time.dt.replace_time_zone("UTC")
    columns = {column: pl.col(column).cast(dtype) for column, dtype in schema.items()}
    columns |= {column: pl.col(column) for column in IDS & {*schema}}
    columns[TIME] = time.dt.convert_time_zone("UTC").cast(MOMENT)
    return table.select(columns[column].alias(column) for column in schema)


def _is_id(dtype: pl.DataType) -> bool:
    """Return whether ids of this type, or lists of them, are written in one way."""
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return isinstance(inner, pl.String) or bool(inner and inner.is_integer())
