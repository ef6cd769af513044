"""What a first look took a log to be, in words, and what to run next."""

from collections.abc import Iterator

from tronrec.first_look.kinds import count_values, lacks_zone
from tronrec.first_look.proposal import Proposal
from tronrec.schemas import TIME

KINDS = {"integer": "whole numbers", "text": "text"}
MOST = 5
"""Values that are listed, at most."""


def describe(proposal: Proposal) -> list[str]:
    """Return the lines that tell a user what was assumed and what to check."""
    events, entry = proposal.events, proposal.entry
    times = events[TIME].sort().dt.strftime("%Y-%m-%d %H:%M")
    path = f"{entry['filepath'].rstrip('/')}/{entry['file']}"
    lines = [
        f"{path}: {entry['format']}. In the first {events.height:,} events:",
        *(f"  {line}" for line in _columns(proposal)),
        f"  from {times[0]} to {times[-1]} UTC",
    ]
    if checks := [*_checks(proposal)]:
        lines += ["Check:", *(f"  {line}" for line in checks)]
    return lines


def next_steps(name: str, options: str) -> list[str]:
    """Return the commands that train and recommend."""
    return [
        "Next:",
        f"  kedro run --pipelines=train_{name}{options}",
        f"  kedro run --pipelines=recommend_{name}{options}",
    ]


def _columns(proposal: Proposal) -> Iterator[str]:
    """Yield a line for each column: its role, its name, what is in it."""
    sample, found = proposal.sample, proposal.found
    if sample is None or found is None:
        return
    columns = found.columns
    for role, kind in (
        ("session", KINDS[columns["session_type"]]),
        ("visitor", KINDS[columns["session_type"]]),
        ("item", KINDS[columns["item_type"]]),
        ("time", _unit(columns["time_unit"])),
        ("type", "types of events"),
    ):
        if (name := columns.get(role)) is not None:
            value = sample.rows[str(name)].drop_nulls()
            shown = f", such as {value[0]}" if len(value) else ""
            yield f"{role}: {name} ({kind}{shown})"


def _unit(unit: str) -> str:
    return "date and time" if unit == "iso" else f"{unit} since 1970"


def _checks(proposal: Proposal) -> Iterator[str]:
    """Yield what was assumed and cannot be seen in the rows."""
    sample, found = proposal.sample, proposal.found
    if sample is None or found is None:
        return
    columns = found.columns
    for role in found.guessed:
        yield f"{role}: told by the values of column {columns[role]}, not by its name"
    if found.session_gap:
        yield (
            "sessions: a visitor's clicks with pauses of less than "
            f"{found.session_gap} (ingestion.session_gap)"
        )
    if found.whole_visitors:
        yield (
            f"sessions: all clicks of a {columns['session']}, since most pauses are "
            "longer than a visit; ingestion.session_gap cuts them"
        )
    if found.visitor:
        yield (
            f"sessions: as column {columns['session']} says; column {found.visitor}, "
            "of visitors, is not used"
        )
    if columns.get("type") is not None:
        counts = count_values(sample.rows[str(columns["type"])])
        given = columns.get("click", ["clicks"])
        clicks = [given] if isinstance(given, str) else given
        others = [f"{n} ({rows:,})" for n, rows in counts.items() if n not in clicks]
        shown = ", ".join(others[:MOST]) or "others"
        yield f"clicks: {', '.join(clicks)}; counted and dropped: {shown}"
    if "time_zone" not in columns and lacks_zone(sample.rows[str(columns["time"])]):
        yield "times without a zone are UTC (columns.time_zone)"
    if proposal.bad_lines:
        yield (
            f"bad lines: {len(proposal.bad_lines):,}, such as {proposal.bad_lines[0]}; "
            "ingestion.on_bad_rows=quarantine sets them aside"
        )
