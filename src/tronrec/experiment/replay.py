"""A simulated test of trained systems: sessions of the test period see their lists.

After each click of a session, the system of its group shows a list. What the visitor
wants is known: the item that the session really clicks next. If the list has it, the
visitor clicks it there with a probability that falls with its place (the position-based
model of Craswell et al., WSDM 2008), may put it into the cart, and order it.

A session of the past clicks what it clicked, whatever it is shown. So the test cannot
tell what a list makes visitors want; but what each group would have clicked under every
system is known, and with it the true uplift.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy.typing import NDArray

from tronrec.data.packed import PackedSessions
from tronrec.experiment.assignment import Assignment
from tronrec.experiment.follow_up import follow_up, outcome_table
from tronrec.experiment.schemas import (
    EXPOSURE,
    GROUP,
    ITEM,
    ITEMS,
    MOMENT,
    OUTCOME,
    OUTCOMES,
    TIME,
    VISITOR,
)
from tronrec.params.experiment import IMPRESSIONS, VISITORS, ExperimentParams
from tronrec.params.simulated_test import ReplayedTestParams
from tronrec.progress import track

Lists = Callable[[PackedSessions, int], Int[np.ndarray, "sessions k"]]
"""A system: sessions and k in, the numbers of the k best items of each out."""

AT_ONCE = 2048
"""Lists that a system makes at once."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Visits:
    """Lists to be shown: a value for each."""

    begun: PackedSessions
    """The session up to then."""
    visitor: Ints
    """Number of the session in the test set."""
    wanted: Ints
    """Item that it clicks next."""
    time: Ints
    """Milliseconds since 1970."""


def find_visits(test: PackedSessions, time: Ints, params: ReplayedTestParams) -> Visits:
    """Return the lists that sessions of the test set will see.

    Args:
        test: The sessions, each of two clicks or more.
        time: When each click happened, in milliseconds since 1970.
        params: How many take part.
    """
    rng = np.random.default_rng([params.seed, 0])
    number = len(test) if params.visitors is None else min(params.visitors, len(test))
    chosen = np.sort(rng.permutation(len(test))[:number])
    lists = np.minimum(np.diff(test.offsets)[chosen] - 1, params.lists)
    visitor = np.repeat(chosen, lists)
    ends = lists.cumsum()
    length = 1 + np.arange(len(visitor)) - np.repeat(ends - lists, lists)
    last = test.offsets[visitor] + length - 1
    offsets = np.concatenate(([0], length.cumsum()))
    clicks = np.arange(offsets[-1]) - np.repeat(offsets[:-1], length)
    begun = test.items[np.repeat(test.offsets[visitor], length) + clicks]
    return Visits(
        PackedSessions(begun, offsets), visitor, test.items[last + 1], time[last]
    )


@dataclass(frozen=True, eq=False)
class Replay:
    """Logs of a simulated test, and its true uplifts."""

    exposures: pl.DataFrame
    outcomes: pl.DataFrame
    truth: dict[str, Any]


def replay(
    visits: Visits,
    systems: Mapping[str, Lists],
    item_ids: pl.Series,
    experiment: ExperimentParams,
    params: ReplayedTestParams,
) -> Replay:
    """Show lists to visitors, each those of the group's system, and log what follows.

    Args:
        visits: Who sees a list, and when.
        systems: Group -> its system, for each group of the experiment.
        item_ids: The shop's ids of items 1..|I|.
        experiment: How visitors are divided, and what will be measured.
        params: How visitors act.
    """
    length = min(params.list_length, len(item_ids))
    names = list(experiment.weights)
    lists = np.stack([_show(visits, systems[name], length, name) for name in names])
    likely = _click_probability(lists, visits.wanted, params)
    assignment = Assignment(experiment.salt, experiment.weights)
    visitors = pl.DataFrame({VISITOR: visits.visitor})
    groups = visitors.select(assignment.groups_of(pl.col(VISITOR))).to_series()
    events = np.arange(len(groups))
    group = groups.to_physical().to_numpy()
    probabilities = {
        "click": likely[group, events],
        "cart": np.full(len(events), params.cart_share),
        "order": np.full(len(events), params.order_share),
    }
    rng = np.random.default_rng([params.seed, 1])
    followed = follow_up(rng, visits.time, probabilities)
    exposures = pl.DataFrame(
        {
            EXPOSURE: events,
            VISITOR: visits.visitor,
            TIME: pl.Series(visits.time).cast(MOMENT),
            GROUP: groups.cast(pl.String),
            ITEMS: _ids_of(lists[group, events], item_ids),
        }
    )
    numbered = dict.fromkeys((OUTCOME, VISITOR), pl.Int64()) | {ITEM: item_ids.dtype}
    outcomes = outcome_table(
        events,
        visits.visitor,
        item_ids.gather(visits.wanted - 1).to_numpy(),
        followed,
        pl.Schema({name: numbered.get(name, own) for name, own in OUTCOMES.items()}),
    )
    return Replay(exposures, outcomes, _truth(likely.sum(1), experiment))


def _show(
    visits: Visits, system: Lists, length: int, name: str
) -> Int[np.ndarray, "lists k"]:
    """Return what a system shows on every visit."""
    begins = range(0, len(visits.visitor), AT_ONCE)
    found = []
    for begin in track(begins, f"lists of {name}", len(begins), "parts"):
        offsets = visits.begun.offsets[begin : begin + AT_ONCE + 1]
        clicks = visits.begun.items[offsets[0] : offsets[-1]]
        found.append(system(PackedSessions(clicks, offsets - offsets[0]), length))
    return np.concatenate(found)


def _click_probability(
    lists: Int[np.ndarray, "systems lists k"], wanted: Ints, params: ReplayedTestParams
) -> Float[np.ndarray, "systems lists"]:
    """Return how likely the visitor clicks the wanted item, 0 where it is not shown."""
    place = np.arange(1, lists.shape[-1] + 1)
    by_place = params.click_share / place**params.position_decay
    found: Float[np.ndarray, "systems lists"] = (
        (lists == wanted[:, None]) * by_place
    ).sum(-1)
    return found


def _ids_of(lists: Int[np.ndarray, "lists k"], item_ids: pl.Series) -> pl.Series:
    """Return lists of the shop's ids."""
    ids = item_ids.gather(lists.ravel() - 1)
    return ids.reshape(lists.shape).arr.to_list()


def _truth(
    clicks: Float[np.ndarray, "systems"], experiment: ExperimentParams
) -> dict[str, Any]:
    """Return the uplifts of these visitors, had each group's system served them all."""
    expected = dict(zip(experiment.weights, clicks.tolist(), strict=True))
    uplifts: dict[str, dict[str, float]] = {}
    for group, number in expected.items():
        uplift = number / expected[experiment.control] - 1
        for name, metric in experiment.measured.items():
            # What follows a click has the same probability in all groups.
            known = metric.denominator in {IMPRESSIONS, VISITORS}
            uplifts.setdefault(group, {})[name] = uplift if known else 0.0
    return {"label": "of these visitors", "uplifts": uplifts}
