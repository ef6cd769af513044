"""Text ids as whole numbers: a text is its row in a table of the ids there are.

It is exact, and takes memory in proportion to the ids of the table. An empty table
stands for ids that are whole numbers already; nothing is changed then.
"""

import polars as pl

from tronrec.errors import UserError

CODE = "code"


def to_codes(table: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """Return a table with numbers for the texts in the one column that `ids` has.

    Raises:
        UserError: A text is not among the ids.
    """
    if ids.is_empty():
        return table
    (name,) = ids.columns
    codes = ids.with_row_index(CODE).with_columns(pl.col(CODE).cast(pl.Int64))
    coded = table.join(codes, on=name, how="left", maintain_order="left")
    if coded[CODE].null_count():
        unknown = coded.filter(pl.col(CODE).is_null())[name]
        raise UserError(
            f"{unknown.n_unique():,} ids in {name}, such as {unknown[0]}, are not in "
            "the list of ids; prepare the data set again from its raw files"
        )
    return coded.with_columns(pl.col(CODE).alias(name)).select(table.columns)


def to_ids(table: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """Return a table with the texts for the numbers that `to_codes` gave them."""
    if ids.is_empty():
        return table
    (name,) = ids.columns
    return table.with_columns(ids[name].gather(table[name]).alias(name))
