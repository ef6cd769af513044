"""Which columns of a log are session, item and time: by their names, or by content."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tronrec.errors import UserError
from tronrec.first_look.kinds import (
    click_types,
    has_days_only,
    holds_ids,
    holds_types,
    id_type,
    is_click,
    plain,
    seconds,
    time_unit,
)
from tronrec.first_look.sample import Sample

NAMES = {
    "time": "timestamp eventtime time datetime ts unixreviewtime at createdat date "
    "eventdate tdat",
    "item": "itemid item productid product articleid article sku parentasin asin aid "
    "movieid contentid newsid trackid goodsid isbn",
    "session": "sessionid session usersession sessionkey visitid visit basketid",
    "visitor": "visitorid visitor userid user customerid customer clientid client "
    "deviceid device cookieid cookie reviewerid anonymousid fullvisitorid uid",
    "type": "eventtype event type action actiontype behaviortype behavior interaction",
}
"""Role -> what its column may be called, in small letters and digits; best first."""

PARTS = {
    "time": "time|date|[^a-z]at$",
    "item": "item|product|article|sku|asin|movie",
    "session": "session|visit(?!or)",
    "visitor": "visitor|user|customer|client|cookie|device",
    "type": "type|action|event",
}
"""Role -> what a name that is none of these may contain."""

FITS: dict[str, Callable[[pl.Series], object]] = {
    "time": time_unit,
    "item": holds_ids,
    "session": holds_ids,
    "visitor": holds_ids,
    "type": holds_types,
}
"""Role -> whether the content of a column is of that kind."""

VISIT = 1_800
"""Seconds without a click after which a visit is over."""

MOST = 0.5
"""Share of longer pauses with which visits would be no sessions, but single clicks."""

OFTEN = 0.01
"""Share of pauses that are longer where ids are those of visitors, who come back."""


@dataclass(frozen=True)
class Found:
    """The columns of a log, as `tronrec.params.Columns` states them."""

    columns: dict[str, Any]
    guessed: list[str]
    """Roles that were told by content alone."""
    visitor: str | None = None
    """A column of visitors, which sessions have as well."""
    session_gap: str | None = None
    """The pause that ends a session, where there are visitors only."""
    whole_visitors: bool = False
    """Whether all that a visitor clicked is a session, as with reviews."""


@dataclass
class _Search:
    """The roles that have a column so far."""

    rows: pl.DataFrame
    taken: dict[str, str]
    guessed: list[str] = field(default_factory=list)

    @property
    def key(self) -> str | None:
        """The role of the column that tells sessions apart."""
        return next(
            (role for role in ("session", "visitor") if role in self.taken), None
        )

    def free(self, role: str) -> list[str]:
        """Return the columns without a role whose content fits."""
        names = (n for n in self.rows.columns if n not in self.taken.values())
        return [name for name in names if FITS[role](self.rows[name])]

    def named(self, role: str) -> str | None:
        """Return the column whose name and content fit."""
        free = self.free(role)
        by_name = {plain(name): name for name in reversed(free)}
        exact = [by_name[name] for name in NAMES[role].split() if name in by_name]
        alike = [name for name in free if re.search(PARTS[role], name.lower())]
        return next(iter(exact + alike), None)

    def guess(self, role: str, names: Iterable[str]) -> None:
        """Give a role to the first of some columns."""
        if (name := next(iter(names), None)) is not None:
            self.taken[role] = name
            self.guessed.append(role)

    def guess_item(self) -> None:
        """Take the column with the most ids; the first may be the session's."""
        ids = self.free("item")[0 if self.key else 1 :]
        self.guess("item", sorted(ids, key=lambda n: -self.rows[n].n_unique()))

    def names_clicks(self, name: str) -> bool:
        """Return whether a column tells clicks from other events in usual words."""
        return any(map(is_click, self.rows[name].cast(pl.String).unique()))

    def guess_key(self) -> None:
        """Take the first ids: those of visitors if they come back."""
        names = self.free("session")[:1]
        comes_back = bool(names) and self.share_of_pauses(names[0]) > OFTEN
        self.guess("visitor" if comes_back else "session", names)

    def share_of_pauses(self, key: str) -> float:
        """Return the share of pauses between clicks of one id that end a visit."""
        if "time" not in self.taken:
            return 0
        at = seconds(self.rows[self.taken["time"]]).alias("at")
        clicks = pl.DataFrame([self.rows[key].alias("key"), at]).sort("key", "at")
        pauses = clicks.select(pl.col("at").diff().over("key")).to_series().drop_nulls()
        return int((pauses > VISIT).sum()) / max(len(pauses), 1)


def find_columns(sample: Sample, given: dict[str, Any]) -> Found:
    """Return the columns of a log.

    Args:
        sample: Its first rows.
        given: What is known of them, which wins; a role that is null has no column.

    Raises:
        UserError: One cannot be told.
    """
    stated = {role: str(given[role]) for role in NAMES if given.get(role) is not None}
    search = _Search(sample.rows, stated)
    _refuse_unknown(sample, stated)
    visitor = None
    for role in NAMES:
        if role in given or not (name := search.named(role)):
            continue
        if role == "visitor" and search.key:
            visitor = name
        else:
            search.taken[role] = name
    if "time" not in search.taken:
        search.guess("time", search.free("time"))
    if "item" not in search.taken:
        search.guess_item()
    if search.key is None:
        search.guess_key()
    if "type" not in {*search.taken, *given}:
        search.guess("type", filter(search.names_clicks, search.free("type")))
    columns = _describe(sample, search, given)
    if columns["session"] is not None:
        return Found(columns, search.guessed, visitor)
    if (
        "session" not in given
        and search.share_of_pauses(search.taken["visitor"]) > MOST
    ):
        name = columns.pop("visitor")
        whole = columns | {"session": name}
        return Found(whole, search.guessed, whole_visitors=True)
    days = has_days_only(sample.rows[search.taken["time"]])
    return Found(columns, search.guessed, session_gap="1d" if days else "30m")


def _refuse_unknown(sample: Sample, stated: dict[str, str]) -> None:
    for role, name in stated.items():
        if name not in sample.rows.columns:
            raise UserError(
                f"--columns={role}={name}: no such column; there are "
                f"{', '.join(sample.rows.columns)}"
            )


def _describe(sample: Sample, search: _Search, given: dict[str, Any]) -> dict[str, Any]:
    """Return the columns with their types, units and clicks.

    Raises:
        UserError: A column that is needed was not found.
    """
    taken, rows = search.taken, sample.rows
    missing = [] if search.key else ["session"]
    missing += [role for role in ("item", "time") if role not in taken]
    if missing:
        raise UserError(
            f"{sample.file}: no column looks like {' or '.join(missing)} among "
            f"{', '.join(rows.columns)}; say which it is, such as "
            f"--columns={missing[0]}=NAME"
        )
    keys = [rows[taken[role]] for role in ("session", "visitor") if role in taken]
    of_csv = sample.format == "csv"
    kinds = {id_type(key, of_csv=of_csv) for key in keys}
    columns: dict[str, Any] = {
        "session": None,
        **{role: taken[role] for role in ("session", "visitor") if role in taken},
        "session_type": "integer" if kinds == {"integer"} else "text",
        "item": taken["item"],
        "item_type": id_type(rows[taken["item"]], of_csv=of_csv),
        "time": taken["time"],
        "time_unit": time_unit(rows[taken["time"]]) or "iso",
    }
    if "type" in taken:
        columns |= {"type": taken["type"], "click": click_types(rows[taken["type"]])}
    return columns | sample.layout | given
