"""The statistics against Python's own."""

import json
import statistics
from collections import Counter

from hypothesis import given, settings

from reference.clicks import EPOCH, Click, Log, in_order, logs, sessions_of, table
from tronrec.data.statistics import clicks_by_day, describe, tabulate_days


@settings(max_examples=50)
@given(log=logs().map(in_order))
def test_statistics_are_those_of_the_clicks(log: Log) -> None:
    lengths = [len(clicks) for clicks in sessions_of(log).values()]
    times = [click.time for click in log]
    assert describe(table(log)) == {
        "sessions": len(lengths),
        "events": len(log),
        "items": len({click.item for click in log}),
        "mean_length": statistics.mean(lengths),
        "median_length": statistics.median(lengths),
        "first": min(times).isoformat(timespec="milliseconds"),
        "last": max(times).isoformat(timespec="milliseconds"),
    }


def test_statistics_are_plain_json() -> None:
    found = describe(table([Click(1, 2, EPOCH), Click(1, 3, EPOCH)]))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["first"] == "2022-08-01T00:00:00.000+00:00"


def test_an_empty_table_has_no_lengths_and_no_times() -> None:
    found = describe(table([]))
    assert {name: value for name, value in found.items() if value is not None} == {
        "sessions": 0,
        "events": 0,
        "items": 0,
    }


@settings(max_examples=50)
@given(log=logs(two_files=True).map(in_order))
def test_days_are_those_of_the_clicks(log: Log) -> None:
    parts = {"clicks": log, "test": [click for click in log if click.test_file]}
    found = tabulate_days({n: clicks_by_day(table(part)) for n, part in parts.items()})
    counted = {n: Counter(str(c.time.date()) for c in log) for n, log in parts.items()}
    days = sorted(counted["clicks"])
    assert found == {"day": days} | {
        name: [counts[day] for day in days] for name, counts in counted.items()
    }
