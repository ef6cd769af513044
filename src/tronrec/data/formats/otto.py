"""OTTO: a session a line, as a JSON object; carts and orders beside the clicks.

Lines are parsed quickly if they look as OTTO writes them, else as JSON. The quick way
takes a third of the time. One regular expression holds for every byte of the lines or
the JSON parser gets them, so both ways give the same events.
"""

from collections.abc import Sequence
from typing import BinaryIO

import polars as pl

from tronrec.data.events import (
    CARTS,
    CLICK,
    EVENT_TYPES,
    ORDERS,
    PUBLISHED_TYPES,
    TYPE,
    RefusedError,
    from_zero,
)
from tronrec.data.formats.lines import count_lines, find_json_fault
from tronrec.data.formats.raw_format import LINE, LineParser, LineReader, RawFormat
from tronrec.data.formats.times import parse_epoch
from tronrec.params import Columns
from tronrec.schemas import ITEM, SESSION, TEST_FILE, TIME

OTHER_SHARE = 0.1
"""Carts and orders per click of a simulated log."""

_NUMBER = "(?:0|[1-9][0-9]*)"
_TYPES = "|".join(PUBLISHED_TYPES.categories)
_EVENT = rf'\{{"aid":{_NUMBER},"ts":{_NUMBER},"type":"(?:{_TYPES})"\}}'
_LINE = rf'\{{"session":{_NUMBER},"events":\[{_EVENT}(?:,{_EVENT})*\]\}}'
AS_WRITTEN = rf"\A(?:{_LINE}(?:\n|\z))+\z"

# Such lines, with some characters changed and the others left out, are a table: a row
# `session,,` and below it, for each of its events, a row `item,time,type`. Of the names
# of the types, clicks becomes 0, carts 1 and orders 11.
_CHANGED = {b"{": b"\n", b"[": b",", b"k": b"0", b"r": b"1"}
_TO_TABLE = bytes.maketrans(b"".join(_CHANGED), b"".join(_CHANGED.values()))
_KEPT = b"".join((b"0123456789,", *_CHANGED))
_LEFT_OUT = bytes(byte for byte in range(256) if byte not in _KEPT)
_NUMBER_OF_ORDERS = 2


def parse(lines: bytes) -> pl.DataFrame:
    """Return the events of sessions, one a line as a JSON object."""
    if lines.isascii() and pl.Series([lines.decode()]).str.contains(AS_WRITTEN)[0]:
        try:
            table = _read_as_csv(lines)
        except pl.exceptions.ComputeError:
            pass  # a number has too many digits; which one, the JSON parser knows
        else:
            return _name_columns(table)
    return parse_json(lines)


def _read_as_csv(lines: bytes) -> pl.DataFrame:
    return pl.read_csv(
        lines.translate(_TO_TABLE, _LEFT_OUT).removeprefix(b"\n"),
        schema={ITEM: pl.Int64, TIME: pl.Int64, TYPE: pl.UInt8},
        has_header=False,
        truncate_ragged_lines=True,  # the comma between two events
    )


def _name_columns(table: pl.DataFrame) -> pl.DataFrame:
    is_event = pl.col(TIME).is_not_null()
    return (
        table.with_columns(
            pl.when(~is_event).then(ITEM).forward_fill().alias(SESSION),
            (~is_event).cum_sum().sub(1).alias(LINE),
        )
        .filter(is_event)
        .select(
            SESSION,
            ITEM,
            parse_epoch(pl.col(TIME), "ms"),
            pl.col(TYPE).clip(upper_bound=_NUMBER_OF_ORDERS).cat.to(EVENT_TYPES),
            LINE,
        )
    )


def parse_json(lines: bytes) -> pl.DataFrame:
    """Return the same events, by a JSON parser."""
    event = pl.Struct({"aid": pl.Int64, "ts": pl.Int64, TYPE: PUBLISHED_TYPES})
    sessions = pl.read_ndjson(
        lines,
        schema={"session": pl.Int64, "events": pl.List(event)},
        ignore_errors=True,
    )
    if sessions.height != count_lines(lines):
        raise RefusedError("a line is blank")
    return (
        sessions.with_row_index(LINE)
        .explode("events", empty_as_null=False, keep_nulls=True)
        .unnest("events")
        .select(
            from_zero("session").alias(SESSION),
            from_zero("aid").alias(ITEM),
            parse_epoch(pl.col("ts"), "ms"),
            pl.col(TYPE).cast(pl.String).cast(EVENT_TYPES),
            LINE,
        )
    )


PARSER = LineParser(parse, find_json_fault)


def write(clicks: pl.DataFrame, files: Sequence[BinaryIO], _columns: Columns) -> None:
    """Write sessions of both parts; as OTTO does, cut those that reach into the test.

    The milliseconds of a click decide whether a cart or an order follows at once: the
    same events come out, however the clicks are divided into frames.
    """
    train, test = files
    draw = pl.col(TIME).dt.millisecond() / 1000
    types = (
        pl.when(draw < OTHER_SHARE / 4)
        .then(pl.lit([CLICK, ORDERS]))
        .when(draw < OTHER_SHARE)
        .then(pl.lit([CLICK, CARTS]))
        .otherwise(pl.lit([CLICK]))
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


OTTO = RawFormat(
    name="otto",
    files={"train": "otto-recsys-train.jsonl", "test": "otto-recsys-test.jsonl"},
    source="https://github.com/otto-de/recsys-dataset",
    expected=lambda _columns: (
        '{"session": 0, "events": [{"aid": 0, "ts": 1659304800000, '
        '"type": "clicks"}]}, type clicks, carts or orders'
    ),
    reader=LineReader(
        lambda _first, _columns: (LineParser(parse, find_json_fault), False)
    ),
    write=write,
    written=("train", "test"),
)
