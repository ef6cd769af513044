"""Yoochoose (RecSys Challenge 2015): a table with commas and without a header."""

from collections.abc import Sequence
from typing import BinaryIO

import polars as pl

from tronrec.data.events import RefusedError, only_clicks
from tronrec.data.formats.lines import parse_iso, read_plain_csv
from tronrec.data.formats.raw_format import LineReader, RawFormat
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TIME


def parse(lines: bytes) -> pl.DataFrame:
    """Return the clicks.

    Raises:
        RefusedError, PolarsError: A line does not hold the four fields.
    """
    table = read_plain_csv(
        lines,
        ",",
        {SESSION: pl.Int64, TIME: pl.String, ITEM: pl.Int64, "category": pl.String},
    )
    if table["category"].str.len_bytes().min() == 0:
        # A line that broke off inside its item number would pass for another item.
        raise RefusedError("the category must be given")
    return table.select(SESSION, ITEM, parse_iso(pl.col(TIME)), only_clicks())


def write(clicks: pl.DataFrame, files: Sequence[BinaryIO], _columns: Columns) -> None:
    """Write `session,time,item,category`; every category is 0."""
    clicks.select(SESSION, TIME, ITEM, pl.lit(0)).write_csv(
        files[0], include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ"
    )


YOOCHOOSE = RawFormat(
    name="yoochoose",
    files={"train": "yoochoose-clicks.dat"},
    source="https://www.kaggle.com/datasets/chadgostopp/recsys-challenge-2015",
    expected=lambda _columns: "session,YYYY-MM-DDThh:mm:ss.mmmZ,item,category",
    reader=LineReader(lambda _first, _columns: (parse, False)),
    write=write,
)
