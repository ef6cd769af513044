"""Filtering, row by row, as the paper words it."""

from collections import Counter

from reference.clicks import Log


def drop_short_sessions(log: Log, shortest: int) -> Log:
    length = Counter(click.session for click in log)
    return [click for click in log if length[click.session] >= shortest]


def drop_rare_items(log: Log, support: int) -> Log:
    count = Counter(click.item for click in log)
    return [click for click in log if count[click.item] >= support]


def filter_clicks(log: Log, shortest: int, support: int) -> Log:
    log = drop_short_sessions(log, shortest)
    log = drop_rare_items(log, support)
    return drop_short_sessions(log, shortest)
