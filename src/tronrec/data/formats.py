"""How each publisher writes events: lines in, a table of events out.

Polars parses. It passes over some faults in silence - a missing field, a blank line, a
day without its last digit - and these are refused here. There is no second grammar: a
bad line is one that the parser refuses when it gets it alone, found by halving.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl

from tronrec.data.blocks import Block, count_lines
from tronrec.data.raw import Format
from tronrec.errors import UserError
from tronrec.schemas import CLICKS, ITEM, SESSION, TIME

TYPE = "type"
CLICK = "clicks"
EVENT_TYPES = pl.Enum([CLICK, "carts", "orders"])

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""A time outside is a wrong unit or a wrong column rather than a click."""

ISO_DATE = r"^\d{4}-\d\d-\d\d$"
ISO_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(\.\d+)?Z$"
"""Polars alone would read a torn 2016-05-1 as well; decimals past the third are cut."""

EXPECTED: dict[Format, str] = {
    "diginetica": "session_id;user_id;item_id;timeframe;eventdate",
    "yoochoose": "session,YYYY-MM-DDThh:mm:ss.mmmZ,item,category",
    "otto": '{"session": 0, "events": [{"aid": 0, "ts": 1659304800000, '
    '"type": "clicks"}]}, type clicks, carts or orders',
}
"""The form of a line, for messages; Diginetica's is its header too."""

REQUIREMENTS: dict[str, pl.Expr] = {
    "the session must be a whole number from 0": pl.col(SESSION) >= 0,
    "the item must be a whole number from 0": pl.col(ITEM) >= 0,
    "the time must be valid and from 1990 to 2099": pl.col(TIME).is_between(
        EARLIEST, LATEST, closed="left"
    ),
    "the event type must be given": pl.col(TYPE).is_not_null(),
}
"""What holds for every event; null counts as broken."""


class _Refused(ValueError):
    """Some line is not as it must be."""


REFUSALS = (_Refused, pl.exceptions.PolarsError, OSError)
"""Polars takes a block for a packed file, too, if it begins like one: an OSError."""


def parse_block(format: Format, block: Block) -> pl.DataFrame:
    """Return the session, item, time and type of each event, in the order of the file.

    Raises:
        UserError: A line is not in the publisher's format.
    """
    if format == "diginetica" and block.line == 1:
        block = _skip_header(block)
    try:
        return _parse(format, block.data)
    except REFUSALS as error:
        raise _name_bad_line(format, block, error) from None


def _parse(format: Format, lines: bytes) -> pl.DataFrame:
    events = _PARSERS[format](lines)
    holds = events.select(
        rule.fill_null(False).all().alias(text) for text, rule in REQUIREMENTS.items()
    )
    for text, is_true in holds.row(0, named=True).items():
        if not is_true:
            raise _Refused(text)
    return events


def _parse_otto(lines: bytes) -> pl.DataFrame:
    event = pl.Struct({"aid": pl.Int64, "ts": pl.Int64, TYPE: EVENT_TYPES})
    sessions = pl.read_ndjson(
        lines, schema={"session": pl.Int64, "events": pl.List(event)}
    )
    if sessions.height != count_lines(lines):
        raise _Refused("the line must not be blank")
    return (
        sessions.explode("events", empty_as_null=False, keep_nulls=True)
        .unnest("events")
        .select(
            pl.col("session").alias(SESSION),
            pl.col("aid").alias(ITEM),
            pl.col("ts").cast(CLICKS[TIME]).alias(TIME),
            TYPE,
        )
    )


def _parse_yoochoose(lines: bytes) -> pl.DataFrame:
    table = _read_table(
        lines,
        ",",
        {SESSION: pl.Int64, TIME: pl.String, ITEM: pl.Int64, "category": pl.String},
    )
    if table["category"].str.len_bytes().min() == 0:
        # A line that broke off inside its item number would pass for another item.
        raise _Refused("the category must be given")
    text = pl.col(TIME)
    time = pl.when(text.str.contains(ISO_TIME)).then(
        text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", strict=False)
    )
    return table.select(SESSION, ITEM, time.dt.replace_time_zone("UTC"), _only_clicks())


def _parse_diginetica(lines: bytes) -> pl.DataFrame:
    table = _read_table(
        lines,
        ";",
        {
            SESSION: pl.Int64,
            "user_id": pl.String,
            ITEM: pl.Int64,
            "timeframe": pl.Int64,
            "eventdate": pl.String,
        },
    )
    text = pl.col("eventdate")
    day = pl.when(text.str.contains(ISO_DATE)).then(
        text.str.to_date("%Y-%m-%d", strict=False)
    )
    time = day.cast(CLICKS[TIME]) + pl.duration(
        milliseconds="timeframe", time_unit="ms"
    )
    return table.select(SESSION, ITEM, time.alias(TIME), _only_clicks())


def _read_table(
    lines: bytes, separator: str, schema: dict[str, type[pl.DataType]]
) -> pl.DataFrame:
    table = pl.read_csv(
        lines,
        separator=separator,
        schema=schema,
        has_header=False,
        quote_char=None,
        empty_string_is_null=False,
    )
    if table.height != count_lines(lines):
        raise _Refused("every line must hold one event")
    return table


def _only_clicks() -> pl.Expr:
    return pl.lit(CLICK, dtype=EVENT_TYPES).alias(TYPE)


_PARSERS: dict[Format, Callable[[bytes], pl.DataFrame]] = {
    "diginetica": _parse_diginetica,
    "yoochoose": _parse_yoochoose,
    "otto": _parse_otto,
}


def _skip_header(block: Block) -> Block:
    """Return the lines below the header; both spellings of its names are known."""
    header, _, rest = block.data.partition(b"\n")
    expected = EXPECTED["diginetica"]
    if header.strip().lower().replace(b"_", b"") != expected.replace("_", "").encode():
        raise UserError(
            f"{block.path}:1: wrong header {_shorten(header)}; expected {expected}"
        )
    return Block(block.path, 2, rest)


def _name_bad_line(format: Format, block: Block, error: Exception) -> UserError:
    """Return the error that names the first line that is refused alone."""
    lines, first = block.data.removesuffix(b"\n").split(b"\n"), block.line
    while len(lines) > 1:
        half = len(lines) // 2
        if _find_refusal(format, lines[:half]):
            lines = lines[:half]
        else:
            lines, first = lines[half:], first + half
    reason = str(_find_refusal(format, lines) or error).partition("\n")[0]
    return UserError(
        f"{block.path}:{first}: {reason}: {_shorten(lines[0])}; expected "
        f"{EXPECTED[format]}. Correct or delete the line."
    )


def _find_refusal(format: Format, lines: list[bytes]) -> Exception | None:
    try:
        _parse(format, b"\n".join(lines) + b"\n")
    except REFUSALS as error:
        return error
    return None


def _shorten(line: bytes) -> str:
    return repr(line.decode("utf-8", "backslashreplace")[:200])
