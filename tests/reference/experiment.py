"""The statistics of an experiment, written out visitor by visitor."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np


def bootstrap_uplifts(
    control: np.ndarray,
    treated: np.ndarray,
    *,
    resamples: int,
    seed: int = 0,
) -> np.ndarray:
    """Return the uplift for each draw of as many visitors as there are.

    Each group is an array of two columns: a visitor's numerator and denominator.
    """
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        ratios = []
        for group in (treated, control):
            drawn = generator.integers(len(group), size=len(group))
            weights = np.bincount(drawn, minlength=len(group)).astype(float)
            numerator, denominator = weights @ group
            ratios.append(numerator / denominator)
        found.append(ratios[0] / ratios[1] - 1)
    return np.array(found)


def linearised_error(control: np.ndarray, treated: np.ndarray) -> float:
    """Return the standard error of the log uplift, from one number for each visitor."""
    variance = 0.0
    for group in (treated, control):
        ratio = group[:, 0].sum() / group[:, 1].sum()
        linear = (group[:, 0] - ratio * group[:, 1]) / (ratio * group[:, 1].mean())
        variance += linear.var(ddof=1) / len(group)
    return variance**0.5


def totals_by_day(
    rows: Iterable[tuple[int, int, list[float]]],
    group: list[int],
    before: list[list[float]],
    groups: int,
) -> list[list[list[list[float]]]]:
    """Return for each day and group a row for each visitor who has come by then."""
    rows = list(rows)
    found = []
    for day in range(max(day for _, day, _ in rows) + 1):
        sums: dict[int, list[float]] = {}
        for visitor, when, done in rows:
            if when <= day:
                old = sums.get(visitor, [0.0] * len(done))
                sums[visitor] = [a + b for a, b in zip(old, done, strict=True)]
        found.append(
            [
                [
                    [1.0, *total, *before[visitor]]
                    for visitor, total in sums.items()
                    if group[visitor] == number
                ]
                for number in range(groups)
            ]
        )
    return found


def read_logs(
    exposures: list[dict], outcomes: list[dict], params, begin, end
) -> tuple[dict[str, str], dict[tuple[str, int], dict[str, float]]]:
    """Return the group of each visitor in the test, and what each did on which day.

    Row by row, as the rules are written down: the first of rows with one id counts;
    bots and visitors of two groups are left out; an outcome follows the last list of
    its visitor that showed its item, within the window.
    """
    earliest = begin - timedelta(days=params.days_before)
    window = timedelta(hours=params.attribution_hours)

    def day_of(moment: datetime) -> int:
        last = min(moment, end - timedelta(milliseconds=1))
        return max(-1, (last - begin) // timedelta(days=1))

    def first_of(rows: list[dict], number: str) -> list[dict]:
        seen, kept = set(), []
        for row in sorted(rows, key=lambda row: row["timestamp"]):
            key = row["visitor_id"], row[number]
            if row[number] is None or key not in seen:
                kept.append(row)
            seen.add(key)
        return kept

    shown = [
        row
        for row in first_of(exposures, "exposure_id")
        if row["visitor_id"]
        and earliest <= row["timestamp"] < end
        and (row["timestamp"] < begin or row["group"] in params.weights)
    ]
    groups: dict[str, set[str]] = {}
    per_day: dict[tuple[str, int], int] = {}
    for row in shown:
        place = row["visitor_id"], day_of(row["timestamp"])
        per_day[place] = per_day.get(place, 0) + 1
        if row["timestamp"] >= begin:
            groups.setdefault(row["visitor_id"], set()).add(row["group"])
    bots = {
        visitor
        for (visitor, day), count in per_day.items()
        if day >= 0 and count > params.max_exposures_a_day
    }
    in_test = {
        visitor: next(iter(own))
        for visitor, own in groups.items()
        if len(own) == 1 and visitor not in bots
    }
    done: dict[tuple[str, int], dict[str, float]] = {}
    for (visitor, day), count in per_day.items():
        if visitor in in_test:
            done.setdefault((visitor, day), {})["impressions"] = count
    counted = {
        name
        for metric in params.metrics.values()
        for name in (metric.numerator, metric.denominator)
    }
    for row in first_of(outcomes, "outcome_id"):
        if row["kind"] not in counted:
            continue
        before = [
            own["timestamp"]
            for own in shown
            if own["visitor_id"] == row["visitor_id"]
            and own["timestamp"] <= row["timestamp"] <= own["timestamp"] + window
            and (params.attribution == "any_item" or row["item_id"] in own["items"])
        ]
        if row["visitor_id"] not in in_test or not before:
            continue
        day = -1 if max(before) < begin else day_of(row["timestamp"])
        own = done.setdefault((row["visitor_id"], day), {})
        for key, value in (
            (row["kind"], 1),
            (f"{row['kind']} quantity", row["quantity"]),
        ):
            own[key] = own.get(key, 0) + value
    return in_test, done
