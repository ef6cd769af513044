"""Lines of each publisher: right values, and no fault that passes in silence."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tronrec.data.formats import FORMATS, diginetica, otto, yoochoose
from tronrec.data.reading.bad_lines import Part, read_file, split_block
from tronrec.data.reading.blocks import Block
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.errors import UserError

GOOD: dict[str, str] = {
    "diginetica": "7;NA;81766;526309;2016-05-09",
    "yoochoose": "7,2014-04-07T10:51:09.277Z,214536502,0",
    "otto": '{"session":7,"events":[{"aid":5,"ts":1661200010000,"type":"clicks"}]}',
}
PARSERS = {
    "diginetica": diginetica.PARSER,
    "yoochoose": yoochoose.PARSER,
    "otto": otto.PARSER,
}
LINE = 12


def parse(format: str, *lines: str | bytes) -> list[tuple]:
    data = b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines)
    block = Block("raw.log", LINE, data)
    events, bad_lines = split_block(PARSERS[format], block)
    if bad_lines:
        raise UserError(str(bad_lines[0]))
    return events.rows()


def read(path: Path, data: bytes) -> list[Part]:
    path.write_bytes(data)
    raw = RawFile(str(path))
    return list(read_file(RawLog(FORMATS["diginetica"], (raw,)), raw))


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def session(events: str, number: str = "7") -> str:
    return f'{{"session":{number},"events":[{events}]}}'


def event(aid: str = "5", ts: str = "1661200010000", type: str = '"clicks"') -> str:
    return f'{{"aid":{aid},"ts":{ts},"type":{type}}}'


def test_diginetica() -> None:
    assert parse("diginetica", GOOD["diginetica"], "0;12;5;0;2016-02-29\r", "") == [
        (7, 81766, moment(2016, 5, 9, 0, 8, 46, 309_000), "clicks"),
        (0, 5, moment(2016, 2, 29), "clicks"),
    ]


def test_yoochoose() -> None:
    lines = (
        GOOD["yoochoose"],
        "8,2014-02-28T00:00:00.0019990Z,5,0",
        "8,2014-12-31T23:59:59.999Z,5,S",
        "9,2014-01-01T00:00:00Z,1,0",
    )
    assert parse("yoochoose", *lines) == [
        (7, 214536502, moment(2014, 4, 7, 10, 51, 9, 277_000), "clicks"),
        (8, 5, moment(2014, 2, 28, 0, 0, 0, 1_999), "clicks"),
        (8, 5, moment(2014, 12, 31, 23, 59, 59, 999_000), "clicks"),
        (9, 1, moment(2014, 1, 1), "clicks"),
    ]


def test_otto() -> None:
    events = ",".join(
        [event(), event("6", "1661200010001", '"carts"'), event(type='"orders"')]
    )
    lines = (
        session(events),
        session(""),
        '{"events": [ ], "more": {}, "session": 8}',
        GOOD["otto"],
    )
    moments = moment(2022, 8, 22, 20, 26, 50), moment(2022, 8, 22, 20, 26, 50, 1000)
    assert parse("otto", *lines, "") == [
        (7, 5, moments[0], "clicks"),
        (7, 6, moments[1], "carts"),
        (7, 5, moments[0], "orders"),
        (7, 5, moments[0], "clicks"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "session_id;user_id;item_id;timeframe;eventdate",
        "sessionId;userId;itemId;timeframe;eventdate\r",
    ],
)
def test_diginetica_headers(header: str, tmp_path: Path) -> None:
    data = f"{header}\n{GOOD['diginetica']}\n".encode()
    ((events, bad_lines),) = read(tmp_path / "raw.log", data)
    assert (events.height, bad_lines) == (1, [])


@pytest.mark.parametrize(
    "header",
    [
        "",
        GOOD["diginetica"],
        "session_id,user_id,item_id,timeframe,eventdate",
        "session_id;item_id;user_id;timeframe;eventdate",
        "session_id;user_id;item_id;timeframe",
    ],
)
def test_wrong_headers(header: str, tmp_path: Path) -> None:
    data = f"{header}\n{GOOD['diginetica']}\n".encode()
    with pytest.raises(
        UserError, match=r"raw\.log:1: wrong header .*expected session_id;"
    ):
        read(tmp_path / "raw.log", data)


BAD_NUMBERS = ["", "-1", "12abc", "1.5", "1.0", "1e3", "true", "null", "NA", "99" * 10]
BAD_NUMBERS += ['"5"', "0x1", "1_000"]

BAD: dict[str, list[str | bytes]] = {
    "diginetica": [
        *(f"{number};NA;5;0;2016-05-09" for number in BAD_NUMBERS),
        *(f"7;NA;{number};0;2016-05-09" for number in BAD_NUMBERS),
        *(f"7;NA;5;{number};2016-05-09" for number in BAD_NUMBERS if number != "-1"),
        *(f"7;NA;5;0;{day}" for day in ("", "2016-05-0", "2016-02-30", "2016-5-9")),
        *(
            f"7;NA;5;0;{day}"
            for day in ("09.05.2016", "1970-01-01", "2100-01-01", "NA")
        ),
        "7;NA;5;0",
        "7;NA;5;0;2016-05-09;1",
        "7;NA;57;NA;5;0;2016-05-09",
        "7,NA,5,0,2016-05-09",
        "",
        "\r",
        b"7;\xff;5;0;2016-05-09",
        b"\x00",
        b"\x1f\x8b7;NA;5;0;2016-05-09",
        b"\x28\xb5\x2f\xfd7;NA;5;0;2016-05-09",
        b"\x78\x9c7;NA;5;0;2016-05-09",
    ],
    "yoochoose": [
        *(f"{number},2014-04-07T10:51:09.277Z,5,0" for number in BAD_NUMBERS),
        *(f"7,2014-04-07T10:51:09.277Z,{number},0" for number in BAD_NUMBERS),
        "7,2014-4-07T10:51:09.277Z,5,0",
        "7,+2014-04-07T10:51:09.277Z,5,0",
        "7,2014-04-07T10:51:60.277Z,5,0",
        "7,2014-04-07T24:00:00.000Z,5,0",
        "7,2014-04-07T10:51:09.Z,5,0",
        "7,2014-02-30T10:51:09.277Z,5,0",
        "7,1989-12-31T23:59:59.999Z,5,0",
        "7,2100-01-01T00:00:00.000Z,5,0",
        "7,1396867869277,5,0",
        "7,,5,0",
        "7,2014-04-07T10:51:09.277Z,5",
        "7,2014-04-07T10:51:09.277Z,5,",
        "7,2014-04-07T10:51:09.277Z",
        "7,2014-04-07T10:51:09.277Z,5,0,1",
        "7;2014-04-07T10:51:09.277Z;5;0",
        "session,time,item,category",
        "",
        b"7,2014-04-07T10:51:09.277Z,5,\xff",
    ],
    "otto": [
        *(session(event(), number) for number in BAD_NUMBERS),
        *(session(event(aid=number)) for number in BAD_NUMBERS),
        *(session(event(ts=number)) for number in BAD_NUMBERS),
        *(
            session(f"{event()},{event(aid=number)},{event()}")
            for number in BAD_NUMBERS
        ),
        *(
            session(event(type=word))
            for word in ('"views"', '""', "null", "5", "[]", "{}")
        ),
        session(event(ts="1661200010")),  # seconds
        session(event(ts="631151999999")),
        session(event(ts="4102444800000")),
        *(session(item) for item in ("null", "{}", "5", "[]", f"[{event()}]", '"a"')),
        *(
            session(f"{event()},{item}")
            for item in ("null", "{}", "5", "[]", '"a"', "")
        ),
        session(event().replace("aid", "item")),
        session(event().replace("ts", "time")),
        session(event().replace("type", "kind")),
        GOOD["otto"].replace("session", "id"),
        GOOD["otto"].replace("events", "clicks"),
        '{"session":7}',
        '{"session":7,"events":null}',
        f'{{"session":7,"events":{event()}}}',
        '{"session":7,"events":"[]"}',
        "{}",
        "[]",
        "null",
        "5",
        "",
        " ",
        GOOD["otto"][:-1],
        GOOD["otto"][:40],
        GOOD["otto"][:40] + GOOD["otto"],
        GOOD["otto"] + ",",
        GOOD["otto"] * 2,
        GOOD["diginetica"],
        GOOD["otto"].encode().replace(b"clicks", b"\xff"),
        *(sign + GOOD["otto"].encode() for sign in (b"\x1f\x8b", b"\x78\x9c")),
    ],
}


@pytest.mark.parametrize(
    ("format", "line"), [(format, line) for format in BAD for line in BAD[format]]
)
@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 5), (5, 0), (0, 2)])
def test_a_bad_line_is_named(
    format: str, line: str | bytes, before: int, after: int
) -> None:
    good = [GOOD[format]]
    with pytest.raises(UserError) as caught:
        parse(format, *good * before, line, *good * after, "")
    shown = line if isinstance(line, str) else line.decode("utf-8", "backslashreplace")
    shown = shown.rstrip("\r")
    message = str(caught.value)
    assert message.startswith(f"raw.log:{LINE + before}: ")
    assert message.endswith(f": {shown[:200]!r}")
    assert "\n" not in message


def test_the_first_of_several_bad_lines_is_named() -> None:
    lines = [GOOD["yoochoose"]] * 40
    lines[17] = lines[23] = "12abc"
    with pytest.raises(UserError, match=rf"raw\.log:{LINE + 17}: "):
        parse("yoochoose", *lines)


def test_a_long_line_is_shortened() -> None:
    with pytest.raises(UserError) as caught:
        parse("otto", GOOD["otto"][:-1] + " " * 10_000)
    assert len(str(caught.value)) < 600
