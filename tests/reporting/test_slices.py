"""Slices of the test events against a slow count, event by event."""

from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.clicks import EPOCH, Click, in_order, table
from tronrec.data.encoding import index_items
from tronrec.data.statistics import first_clicks
from tronrec.reporting.slices import (
    AGES,
    PLACES,
    describe_events,
    group_events,
    measure_groups,
    popularity_tenths,
)

ITEM_IDS = st.integers(1, 6)
LOGS = st.lists(
    st.tuples(st.lists(ITEM_IDS, min_size=2, max_size=25), st.integers(0, 40)),
    min_size=1,
    max_size=12,
)


def clicks(log: list[tuple[list[int], int]], begin: datetime = EPOCH) -> list[Click]:
    return [
        Click(number, item, begin + timedelta(days=day, minutes=step))
        for number, (items, day) in enumerate(log)
        for step, item in enumerate(items)
    ]


EVERYTHING = clicks([([1, 2, 3, 4, 5, 6, 1, 1, 2], 0)])


def group(value: float, ends: tuple[int, ...]) -> str:
    low = 0
    for end in ends:
        if value <= end:
            return str(end) if end == low + 1 else f"{low + 1} to {end}"
        low = end
    return f"> {ends[-1]}"


def slow_groups(
    train: list[Click], test: list[Click], tenths: dict[int, int]
) -> dict[str, list[str]]:
    """The label of every event in every division."""
    born: dict[int, datetime] = {}
    for click in train:
        born[click.item] = min(click.time, born.get(click.item, click.time))
    sessions: dict[int, list[Click]] = defaultdict(list)
    for click in test:
        sessions[click.session].append(click)
    labels: dict[str, list[str]] = defaultdict(list)
    for session in sessions.values():
        for place, click in enumerate(session[1:], start=1):
            before = {earlier.item for earlier in session[:place]}
            age = max((click.time - born[click.item]).total_seconds() / 86_400, 0)
            old = next((f"≤ {end}" for end in AGES if age <= end), f"> {AGES[-1]}")
            labels["position"].append(group(place, PLACES))
            labels["length"].append(group(len(session), PLACES))
            labels["tenth"].append(str(tenths[click.item]))
            labels["age"].append(old)
            labels["repeated"].append(
                "seen in the session" if click.item in before else "new to the session"
            )
            labels["day"].append(str(click.time.date()))
    return labels


@given(LOGS, LOGS, st.randoms(use_true_random=False))
def test_every_event_counts_in_its_group(train_log, test_log, random):
    train = in_order(
        EVERYTHING + [c._replace(session=c.session + 1) for c in clicks(train_log)]
    )
    test = in_order(clicks(test_log, EPOCH + timedelta(days=20)))
    items = index_items(table(train))
    tenths = dict(zip(items["item_id"], popularity_tenths(items["count"]), strict=True))
    events = describe_events(table(test), items, first_clicks(table(train)))
    ranks = np.array([random.randint(1, 21) for _ in range(events.height)])

    slow = slow_groups(train, test, tenths)
    for name, groups in group_events(events).items():
        found = measure_groups(groups, {"a": ranks}, 20)
        assert [groups.labels[n] for n in groups.of_event] == slow[name]
        assert sum(found["events"]) == events.height
        for place, label in enumerate(found["labels"]):
            own = [
                r for r, other in zip(ranks, slow[name], strict=True) if other == label
            ]
            assert found["events"][place] == len(own)
            scores = found["systems"]["a"]
            hits = [r for r in own if r <= 20]
            assert scores["recall"][place] == pytest.approx(len(hits) / len(own))
            mrr = sum(1 / r for r in hits) / len(own)
            assert scores["mrr"][place] == pytest.approx(mrr)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60))
def test_tenths_divide_the_clicks(counts):
    counts = sorted(counts, reverse=True)
    found = popularity_tenths(pl.Series(counts)).to_list()
    total, before = sum(counts), 0
    for count, tenth in zip(counts, found, strict=True):
        assert tenth == next(t for t in range(1, 11) if 10 * before < t * total)
        before += count
