"""Clicks as plain rows, the tables that hold them, and small random logs."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import polars as pl
from hypothesis import strategies as st

from tronrec.schemas import CLICKS

EPOCH = datetime(2022, 8, 1, tzinfo=UTC)


class Click(NamedTuple):
    session: int
    item: int
    time: datetime
    test_file: bool = False


Log = list[Click]


def table(log: Log) -> pl.LazyFrame:
    return pl.LazyFrame(log, schema=CLICKS, orient="row")


def rows(clicks: pl.LazyFrame | pl.DataFrame) -> Log:
    return [Click(*row) for row in clicks.lazy().collect().iter_rows()]


def sessions_of(log: Log) -> dict[int, Log]:
    sessions: dict[int, Log] = {}
    for click in log:
        sessions.setdefault(click.session, []).append(click)
    return sessions


def in_order(log: Log) -> Log:
    """Sort by session start, session, time; what is of one moment stays as it is."""
    first: dict[int, tuple[datetime, int]] = {}
    for place, click in enumerate(log):
        moment = click.time, place
        first[click.session] = min(first.get(click.session, moment), moment)
    return sorted(log, key=lambda c: (first[c.session], c.time))


@st.composite
def logs(draw: st.DrawFn, *, two_files: bool = False, max_clicks: int = 60) -> Log:
    """Clicks in the order of a file: sessions overlap, times collide, days are few."""
    clicks = draw(
        st.lists(
            st.tuples(
                st.integers(0, 12),
                st.integers(0, 6),
                st.integers(0, 5 * 24 * 2).map(lambda n: timedelta(minutes=30 * n)),
            ),
            min_size=1,
            max_size=max_clicks,
        )
    )
    in_test = draw(st.sets(st.integers(0, 12))) if two_files else set()
    log = [Click(s, i, EPOCH + t, s in in_test) for s, i, t in clicks]
    return sorted(log, key=lambda click: click.test_file)
