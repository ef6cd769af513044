"""Yoochoose (RecSys Challenge 2015): a table with commas and without a header."""

from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

import polars as pl

from tronrec.data.events import from_zero, only_clicks
from tronrec.data.formats.lines import find_plain_fault, read_plain_csv
from tronrec.data.formats.raw_format import LineParser, LineReader, RawFormat
from tronrec.data.formats.times import parse_iso
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TIME


def parse(lines: bytes) -> pl.DataFrame:
    """Return the clicks.

    A line that broke off inside its item number would pass for another item; it has no
    category.
    """
    table = read_plain_csv(
        lines,
        ",",
        {
            SESSION: pl.Int64(),
            TIME: pl.String(),
            ITEM: pl.Int64(),
            "category": pl.String(),
        },
    )
    item = pl.when(pl.col("category") != "").then(from_zero(ITEM)).alias(ITEM)
    return table.select(from_zero(SESSION), item, parse_iso(table[TIME]), only_clicks())


PARSER = LineParser(parse, partial(find_plain_fault, ",", 4))


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
    reader=LineReader(lambda _first, _columns: (PARSER, False)),
    write=write,
)
