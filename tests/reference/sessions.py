"""Sessions of visitors, cut click by click."""

from datetime import timedelta

from reference.clicks import Log, sessions_of


def cut(log: Log, gap: timedelta | None, longest: timedelta | None) -> tuple[Log, int]:
    """Return the clicks table of a log of visitors, and how many sessions it has."""
    places = {id(click): place for place, click in enumerate(log)}
    clicks, count = [], 0
    for visits in sessions_of(log).values():
        for in_test in (False, True):
            session: Log = []
            for click in sorted(visits, key=lambda click: click.time):
                if click.test_file is not in_test:
                    continue
                if (
                    not session
                    or (gap is not None and click.time - session[-1].time >= gap)
                    or (longest is not None and click.time - session[0].time >= longest)
                ):
                    number, session = places[id(click)], []
                    count += 1
                session.append(click)
                clicks.append(click._replace(session=number))
    start = {click.session: click.time for click in reversed(clicks)}
    return sorted(clicks, key=lambda c: (start[c.session], c.session, c.time)), count
