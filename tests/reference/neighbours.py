"""Baselines of counted clicks from their definitions: one event, one item at a time."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations

from tronrec.data.packed import PackedSessions

Scores = dict[int, float]


def split(sessions: PackedSessions) -> list[list[int]]:
    bounds = zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True)
    return [sessions.items[low:high].tolist() for low, high in bounds]


def ranks(
    score: Callable[[list[int]], Scores],
    sessions: PackedSessions,
    num_items: int,
    depth: int,
) -> list[int]:
    """Rank every event from the second of its session on; a tie is ahead of it."""
    found = []
    for items in split(sessions):
        for event in range(1, len(items)):
            target = items[event]
            scores = {i: round(s, 12) for i, s in score(items[:event]).items()}
            own = scores.get(target, 0)
            others = set(range(1, num_items + 1)) - {target}
            ahead = sum(scores.get(item, 0) >= own for item in others)
            found.append(min(ahead, depth) + 1)
    return found


def sequential_rules(learned: PackedSessions, reach: int) -> dict[int, Scores]:
    rules: dict[int, Scores] = {}
    for items in split(learned):
        for first, second in combinations(range(len(items)), 2):
            if second - first <= reach and items[first] != items[second]:
                row = rules.setdefault(items[first], Counter())
                row[items[second]] += 1 / (second - first)
    return rules


def item_neighbours(learned: PackedSessions, reach: int) -> dict[int, Scores]:
    together: dict[int, Scores] = {}
    clicks = Counter(learned.items.tolist())
    for items in split(learned):
        for first, second in combinations(range(len(items)), 2):
            if second - first <= reach and items[first] != items[second]:
                for one, other in ((first, second), (second, first)):
                    row = together.setdefault(items[one], Counter())
                    row[items[other]] += 1
    return {
        item: {
            other: count / (clicks[item] * clicks[other]) ** 0.5
            for other, count in row.items()
        }
        for item, row in together.items()
    }


def session_popular(before: list[int], popularity: list[int]) -> Scores:
    return {
        item: count + popularity[item] / (1 + max(popularity))
        for item, count in Counter(before).items()
    }


def session_neighbours(
    before: list[int], learned: PackedSessions, reach: int, recent: int, neighbours: int
) -> Scores:
    past = [set(items) for items in split(learned)]
    similar: Scores = Counter()
    for steps, item in enumerate(reversed(before[-reach:])):
        if item in before[len(before) - steps :]:
            continue
        holders = [number for number, items in enumerate(past) if item in items]
        for number in holders[-recent:]:
            similar[number] += 1 - steps / reach
    for number in similar:
        similar[number] += number * 1e-6 / len(past)
    scores: Scores = Counter()
    for number in sorted(similar, key=lambda n: -similar[n])[:neighbours]:
        for item in past[number]:
            scores[item] += similar[number]
    return scores
