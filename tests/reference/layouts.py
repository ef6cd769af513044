"""Made-up clicks in the layouts of public logs, and the sessions that are in them.

Each layout writes the same visits: of a visitor, two on days apart, each within a day.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

VISITORS, ITEMS, DAYS = 150, 12, 40
BEGIN = datetime(2022, 8, 1, tzinfo=UTC)


class Event(NamedTuple):
    visitor: int
    visit: int
    item: int
    at: datetime
    is_click: bool


def draw_events(seed: int = 0) -> list[Event]:
    """Return events by time; of every four, one is no click."""
    draw = random.Random(seed)
    events = []
    for visitor in range(VISITORS):
        day = draw.randrange(DAYS - 5)
        for visit in range(2):
            at = BEGIN + timedelta(days=day + 3 * visit, hours=draw.randint(6, 18))
            item = draw.randrange(ITEMS)
            for _ in range(draw.randint(3, 6)):
                at += timedelta(seconds=draw.randint(20, 600), milliseconds=373)
                for is_click in [True] * 3 + [draw.random() < 0.5]:
                    at += timedelta(seconds=1)
                    events.append(
                        Event(visitor, 2 * visitor + visit, item, at, is_click)
                    )
                    item = (item + draw.choice([1, 1, 1, 5])) % ITEMS
    return sorted(events, key=lambda event: event.at)


def sessions_of(
    events: list[Event], key: str, name_item: Callable[[int], int | str]
) -> list[tuple[int | str, ...]]:
    """Return the items of each visit or visitor in their order, sorted."""
    found: dict[int, list[int | str]] = {}
    for event in events:
        if event.is_click:
            found.setdefault(getattr(event, key), []).append(name_item(event.item))
    return sorted(map(tuple, found.values()))


def _lines(path: Path, header: str | None, rows: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in ([header] if header else []) + [*rows])
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def rees46(folder: Path, events: list[Event]) -> None:
    header = "event_time,event_type,product_id,category_id,category_code,brand,price,"
    header += "user_id,user_session"
    for month, name in ((8, "2022-Aug.csv.gz"), (9, "2022-Sep.csv.gz")):
        rows = (
            f"{e.at:%Y-%m-%d %H:%M:%S} UTC,{'view' if e.is_click else 'cart'},"
            f"{1004000 + e.item},2053013555631882655,electronics.phone,xiaomi,489.07,"
            f"{520088904 + e.visitor},4d3b30da-a5e4-49df-b1a8-{e.visit:012x}"
            for e in events
            if e.at.month == month
        )
        _lines(folder / "rees46/months" / name, header, rows)
    lost = "2022-08-02 00:00:00 UTC,view,1004001,1,,,1.00,520088904,"
    _lines(folder / "rees46/months/lost.csv", header, iter([lost]))


def retailrocket(folder: Path, events: list[Event]) -> None:
    rows = (
        f"{int(e.at.timestamp() * 1000)},{e.visitor},"
        f"{'view' if e.is_click else 'transaction'},{e.item},{'' if e.is_click else 7}"
        for e in events
    )
    header = "timestamp,visitorid,event,itemid,transactionid"
    _lines(folder / "retailrocket/events.csv", header, rows)


def hm(folder: Path, events: list[Event]) -> None:
    rows = (
        f"{e.at:%Y-%m-%d},{e.visitor:064x},{article(e.item)},0.050830508474576264,2"
        for e in events
        if e.is_click
    )
    header = "t_dat,customer_id,article_id,price,sales_channel_id"
    _lines(folder / "hm/transactions_train.csv", header, rows)


def article(item: int) -> str:
    return f"{663713001 + item:010}"


def dressipi(folder: Path, events: list[Event]) -> None:
    rows = (
        f"{e.visit},{e.item},{e.at.strftime('%Y-%m-%d %H:%M:%S.%f')[:-3]}"
        for e in events
        if e.is_click
    )
    path = folder / "dressipi/train_sessions.csv"
    _lines(path, "session_id,item_id,date", rows)


def amazon(folder: Path, events: list[Event]) -> None:
    rows = (
        json.dumps(
            {
                "overall": 5.0,
                "reviewerID": f"A{e.visitor:013X}",
                "asin": asin(e.item),
                "style": {"Size:": " L"},
                "reviewText": 'so, "so"',
                "unixReviewTime": int(e.at.timestamp()),
            }
        )
        for e in events
        if e.is_click
    )
    _lines(folder / "amazon/Toys_and_Games_5.json.gz", None, rows)


def asin(item: int) -> str:
    return f"B{item:09X}"


def movielens(folder: Path, events: list[Event]) -> None:
    rated = sorted((e for e in events if e.is_click), key=lambda e: e.visitor)
    rows = (f"{e.visitor}::{e.item}::5::{int(e.at.timestamp())}" for e in rated)
    _lines(folder / "movielens/ratings.dat", None, rows)


def movielens_csv(folder: Path, events: list[Event]) -> None:
    rated = sorted((e for e in events if e.is_click), key=lambda e: e.visitor)
    rows = (f"{e.visitor},{e.item},4.5,{int(e.at.timestamp())}" for e in rated)
    header = "userId,movieId,rating,timestamp"
    _lines(folder / "movielens/ratings.csv", header, rows)


def otto_parquet(folder: Path, events: list[Event]) -> None:
    (folder / "otto_parquet").mkdir(parents=True)
    columns = {
        "session": pl.Series([e.visit for e in events], dtype=pl.Int32),
        "aid": pl.Series([e.item for e in events], dtype=pl.Int32),
        "ts": pl.Series([int(e.at.timestamp()) for e in events], dtype=pl.Int32),
        "type": pl.Series(
            [0 if e.is_click else 1 + e.item % 2 for e in events], dtype=pl.UInt8
        ),
    }
    pl.DataFrame(columns).write_parquet(folder / "otto_parquet/train.parquet")


class Layout(NamedTuple):
    write: Callable[[Path, list[Event]], None]
    key: str = "visit"
    """What a session is of."""
    name_item: Callable[[int], int | str] = int


LAYOUTS = {
    "rees46": Layout(rees46, "visit", lambda item: 1004000 + item),
    "retailrocket": Layout(retailrocket),
    "hm": Layout(hm, "visit", article),
    "dressipi": Layout(dressipi),
    "amazon": Layout(amazon, "visitor", asin),
    "movielens": Layout(movielens, "visitor"),
    "movielens_csv": Layout(movielens_csv, "visitor"),
    "otto_parquet": Layout(otto_parquet),
}
"""The data sets of the page 'Your own clicks'."""
