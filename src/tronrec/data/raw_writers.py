"""Simulated clicks as raw files, in the format of each publisher."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import polars as pl

from tronrec.data.raw import FILES, PACKINGS, Columns, Format
from tronrec.errors import UserError
from tronrec.files import replacing
from tronrec.schemas import ITEM, SESSION, TEST_FILE, TIME

MARK = "SIMULATED.txt"
"""Marks a folder whose raw files may be overwritten; real ones never are."""


def write_raw_log(
    frames: Iterable[pl.DataFrame],
    format: Format,
    folder: Path,
    *,
    other_share: float = 0.1,
    columns: Columns = Columns(),  # noqa: B008 - it cannot change
) -> None:
    """Write clicks as the publisher's raw files: all of them, or none.

    Args:
        frames: Clicks of whole sessions, as `simulate_clicks` yields them.
        format: The publisher's format.
        folder: Where the files go under the publisher's names.
        other_share: Carts and orders per click; only OTTO's format has them.
        columns: What the columns are called where the format leaves it open.

    Raises:
        UserError: A raw log that was not simulated lies there, or the disk refuses.
    """
    files = FILES[format]
    names = list(files.values()) if format == "otto" else [files["train"]]
    _refuse_real_log(folder, names)
    with ExitStack() as stack:
        asides = [stack.enter_context(replacing(folder / name)) for name in names]
        opened = [
            stack.enter_context(aside.open("wb", buffering=0)) for aside in asides
        ]
        for clicks in frames:
            match format:
                case "otto":
                    _write_otto(clicks, *opened, other_share=other_share)
                case "yoochoose":
                    _write_yoochoose(clicks, *opened)
                case "diginetica":
                    _write_diginetica(clicks, *opened)
                case "csv" | "jsonl" | "parquet":
                    _write_table(clicks, *opened, format=format, columns=columns)
    (folder / MARK).write_text("Simulated clicks; may be overwritten.\n")


def _refuse_real_log(folder: Path, names: Iterable[str]) -> None:
    for path in (folder / (name + packing) for name in names for packing in PACKINGS):
        if path.exists() and not (folder / MARK).exists():
            raise UserError(
                f"{path} was not simulated; a real raw log is never overwritten. Name "
                "another folder with --params=raw_root=/your/folder or --env=sample."
            )


def _write_otto(
    clicks: pl.DataFrame, train: BinaryIO, test: BinaryIO, *, other_share: float
) -> None:
    """Write JSON lines; like OTTO, cut training sessions where the test begins.

    The milliseconds of a click decide whether a cart or an order follows at once: the
    same events come out, however the clicks are divided into frames.
    """
    lot = pl.col(TIME).dt.millisecond() / 1000
    types = (
        pl.when(lot < other_share / 4)
        .then(pl.lit(["clicks", "orders"]))
        .when(lot < other_share)
        .then(pl.lit(["clicks", "carts"]))
        .otherwise(pl.lit(["clicks"]))
    )
    event = pl.struct(aid=ITEM, ts=pl.col(TIME).dt.epoch("ms"), type="type")
    in_test = pl.col(TEST_FILE).first().over(SESSION)
    kept = clicks.filter(pl.col(TEST_FILE) == in_test).with_columns(type=types)
    for file, part in (
        (train, kept.filter(~pl.col(TEST_FILE))),
        (test, kept.filter(TEST_FILE)),
    ):
        part.explode("type").group_by(
            pl.col(SESSION).alias("session"), maintain_order=True
        ).agg(events=event).write_ndjson(file)


def _write_yoochoose(clicks: pl.DataFrame, file: BinaryIO) -> None:
    """Write `session,time,item,category` without a header; every category is 0."""
    clicks.select(SESSION, TIME, ITEM, pl.lit(0)).write_csv(
        file, include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ"
    )


def _write_diginetica(clicks: pl.DataFrame, file: BinaryIO) -> None:
    """Write each event's own day; its timeframe is the milliseconds since 00:00."""
    clicks.select(
        SESSION,
        pl.lit("NA").alias("user_id"),
        ITEM,
        (pl.col(TIME) - pl.col(TIME).dt.truncate("1d"))
        .dt.total_milliseconds()
        .alias("timeframe"),
        pl.col(TIME).dt.date().alias("eventdate"),
    ).write_csv(file, separator=";", include_header=file.tell() == 0)


def _write_table(
    clicks: pl.DataFrame, file: BinaryIO, *, format: Format, columns: Columns
) -> None:
    """Write a row an event, with the columns that a shop's log is said to have."""
    time = pl.col(TIME)
    match columns.time_unit:
        case "iso":
            time = time.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        case "s":
            time = time.dt.epoch("s")
        case "ms" | "us":
            time = time.dt.epoch(columns.time_unit)
    table = clicks.select(
        pl.col(SESSION).alias(columns.session),
        pl.col(ITEM).alias(columns.item),
        time.alias(columns.time),
        *([pl.lit(columns.click).alias(columns.type)] if columns.type else []),
    )
    match format:
        case "csv":
            table.write_csv(
                file, separator=columns.separator, include_header=file.tell() == 0
            )
        case "jsonl":
            table.write_ndjson(file)
        case _:
            raise UserError(
                "Simulated clicks are not written as Parquet; set the format of "
                "raw_log to csv or jsonl"
            )
