"""Raw lines read one by one by the standard library, and good lines to read."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta, tzinfo

from reference.clicks import Log

Event = tuple[int, int, datetime, str]

HEADER = "session_id;user_id;item_id;timeframe;eventdate"
MILLISECOND = timedelta(milliseconds=1)
UNIX = datetime(1970, 1, 1, tzinfo=UTC)


def write_lines(format: str, log: Log) -> list[str]:
    """Return the lines of a file in the publisher's format; one event a line."""
    match format:
        case "diginetica":
            lines = [
                f"{s};NA;{i};{(t - midnight(t)) // MILLISECOND};{t:%Y-%m-%d}"
                for s, i, t, _ in log
            ]
            return [HEADER, *lines]
        case "yoochoose":
            return [
                f"{s},{t:%Y-%m-%dT%H:%M:%S}.{t.microsecond // 1000:03d}Z,{i},0"
                for s, i, t, _ in log
            ]
        case "otto":
            return [
                json.dumps(
                    {
                        "session": s,
                        "events": [
                            {
                                "aid": i,
                                "ts": (t - UNIX) // MILLISECOND,
                                "type": "clicks",
                            }
                        ],
                    }
                )
                for s, i, t, _ in log
            ]
        case "csv":
            lines = [f"{s},{i},{iso(t)}" for s, i, t, _ in log]
            return ["session_id,item_id,timestamp", *lines]
        case "jsonl":
            return [
                json.dumps({"session_id": s, "item_id": i, "timestamp": iso(t)})
                for s, i, t, _ in log
            ]


def iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def midnight(time: datetime) -> datetime:
    return datetime(time.year, time.month, time.day, tzinfo=UTC)


def read_file(format: str, data: bytes) -> list[Event]:
    """Return the events of a file, or fail."""
    lines = data.decode().removesuffix("\n").split("\n")
    if format == "diginetica":
        header, *lines = lines
        if header.strip().lower().replace("_", "") != HEADER.replace("_", ""):
            raise ValueError(header)
    if format == "csv":
        return check(read_csv(data.decode("utf-8-sig", "replace")))
    events = [event for line in lines for event in read_line(format, line)]
    return check(events)


def check(events: list[Event]) -> list[Event]:
    for session, item, time, type_ in events:
        good_type = type_ in {"clicks", "carts", "orders"}
        if min(session, item) < 0 or not 1990 <= time.year < 2100 or not good_type:
            raise ValueError((session, item, time, type_))
    if not events:
        raise ValueError("no events")
    return events


def read_csv(text: str) -> list[Event]:
    header, *lines = text.removesuffix("\n").split("\n")
    names = next(csv.reader([header.strip("\r")]))
    events = []
    for line in lines:
        (fields,) = csv.reader([line.removesuffix("\r")], strict=True)
        event = dict(zip(names, fields, strict=True))
        time = read_iso(event["timestamp"])
        events.append((int(event["session_id"]), int(event["item_id"]), time, "clicks"))
    return events


ISO = (
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
    r"(?: ?(Z|UTC|([+-])(\d\d)(?::?(\d\d))?))?)?"
)


def read_iso(text: str, zone: tzinfo = UTC) -> datetime:
    """Return a moment to the microsecond, or fail."""
    match = re.fullmatch(ISO, text, re.ASCII)
    if match is None:
        raise ValueError(text)
    *numbers, decimals, given, sign, hours, minutes = match.groups()
    clock = datetime(*(int(number or 0) for number in numbers))
    clock += timedelta(microseconds=int(f"{decimals or ''}000000"[:6]))
    if given:
        offset = datetime.strptime(f"{hours or '00'}{minutes or '00'}", "%H%M")
        before = timedelta(hours=offset.hour, minutes=offset.minute)
        return clock.replace(tzinfo=UTC) - (-before if sign == "-" else before)
    moment = clock.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != clock:
        if numbers[3]:
            raise ValueError(f"{text}: the clock never showed it")
        moment = (clock + timedelta(hours=1)).replace(tzinfo=zone).astimezone(UTC)
    return moment


def read_line(format: str, line: str) -> list[Event]:
    match format:
        case "diginetica":
            session, _, item, timeframe, date = line.removesuffix("\r").split(";")
            if len(date) != 10:
                raise ValueError(date)
            day = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC)
            time = day + int(timeframe) * MILLISECOND
            return [(int(session), int(item), time, "clicks")]
        case "yoochoose":
            session, text, item, category = line.removesuffix("\r").split(",")
            if not category:
                raise ValueError(line)
            return [(int(session), int(item), read_iso(text), "clicks")]
        case "jsonl":
            record = json.loads(line, object_pairs_hook=first_of_each)
            time = read_iso(record["timestamp"])
            numbers = whole(record["session_id"]), whole(record["item_id"])
            return [(*numbers, time, "clicks")]
        case "otto":
            record = json.loads(line, object_pairs_hook=first_of_each)
            return [
                (
                    whole(record["session"]),
                    whole(event["aid"]),
                    UNIX + whole(event["ts"]) * MILLISECOND,
                    event["type"],
                )
                for event in record["events"]
            ]


def first_of_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return dict(reversed(pairs))


def whole(number: object) -> int:
    if type(number) is not int:
        raise TypeError(number)
    return number
