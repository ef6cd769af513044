"""What clicks are like, in numbers: those of real shops beside the simulated ones.

Prints a table with a column for each clicks table that `prepare_*` wrote, and draws it.
The simulator is fitted to the columns of real shops.
"""

import argparse
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from dots import draw_dots
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tronrec.baselines.neighbours import clicks_before
from tronrec.baselines.rank import rank_baselines, targets
from tronrec.baselines.sparse import collect_ranks, rank_rows
from tronrec.data.encoding import index_items
from tronrec.data.filtering import filter_clicks
from tronrec.data.packed import PackedSessions
from tronrec.evaluation.metrics import mean_reciprocal_rank, recall
from tronrec.params import FilteringParams
from tronrec.schemas import COUNT, ITEM, SESSION

K = 20
"""Length of a list."""
BACK = 3
"""Clicks before an event whose part in it is told."""
SEEN = 500
"""Clicks before an event whose items are not new: all but a few."""
PARTS = 10
"""Parts of the sessions by time; the last is predicted from the others."""
NAMES = {"sequential_rules": "rules", "session_knn": "session kNN"}


def describe(clicks: pl.DataFrame) -> dict[str, float]:
    """Return the statistics of a clicks table, without rare items and short sessions.

    Sessions are compared by their order alone: times of public splits are made up.
    """
    kept = filter_clicks(clicks.lazy(), FilteringParams())[0].collect()
    lengths = kept.group_by(SESSION).len()["len"].to_numpy()
    return {
        "clicks per item": kept.height / kept[ITEM].n_unique(),
        "session length, mean": float(lengths.mean()),
        "session length, median": float(np.median(lengths)),
        "session length, nine in ten": float(np.quantile(lengths, 0.9)),
        **count_repeats(kept),
        **describe_popularity(kept),
        **predict_newest(kept),
    }


def count_repeats(clicks: pl.DataFrame) -> dict[str, float]:
    """Return how many clicks, from the second of a session on, go back to an item."""
    later = clicks.select(
        again=~pl.struct(SESSION, ITEM).is_first_distinct(),
        same=pl.col(ITEM) == pl.col(ITEM).shift().over(SESSION),
        position=pl.int_range(pl.len()).over(SESSION),
    ).filter(pl.col("position") > 0)
    repeats, of_last = later.select(pl.col("again", "same").mean()).row(0)
    return {"repeats": repeats, "repeats of the last item": of_last}


def describe_popularity(clicks: pl.DataFrame) -> dict[str, float]:
    """Return how popularity falls with its rank, and how much of it lasts.

    What lasts: clicks of the last part on the top tenth of the items of the first part,
    by those on the top tenth of the part just before.
    """
    counts = clicks[ITEM].value_counts(sort=True)["count"].to_numpy()
    ranks = np.unique(np.geomspace(10, len(counts) / 2, 50).astype(np.int64))
    slope, _ = np.polyfit(np.log(ranks), np.log(counts[ranks - 1]), 1)
    top = len(counts) // 10
    part = number_parts(clicks)
    last = clicks.filter(part == PARTS - 1)[ITEM]

    def on_top_of(earlier: int) -> int:
        counted = clicks.filter(part == earlier).group_by(ITEM).len()
        best = counted.sort("len", ITEM, descending=[True, False]).head(top)[ITEM]
        return int(last.is_in(best.implode()).sum())

    return {
        "popularity, slope": float(slope),
        "popularity, top tenth": float(counts[:top].sum() / counts.sum()),
        "popularity that lasts": on_top_of(0) / on_top_of(PARTS - 2),
    }


def number_parts(clicks: pl.DataFrame) -> pl.Series:
    """Return to which part of the sessions each click belongs, from 0 on."""
    session = clicks[SESSION].rle_id().cast(pl.Int64)
    return session * PARTS // (session.max() + 1)


def predict_newest(clicks: pl.DataFrame) -> dict[str, float]:
    """Return what the older sessions tell of the last part, on items they know."""
    part = number_parts(clicks)
    old = clicks.filter(part < PARTS - 1)
    recent = clicks.filter(part.is_between(PARTS * 2 // 3, PARTS - 2))
    items = index_items(old.lazy())
    new = clicks.filter(part == PARTS - 1).join(
        items, on=ITEM, how="semi", maintain_order="left"
    )
    new = new.filter(pl.len().over(SESSION) > 1)
    learned, newest, asked = (
        PackedSessions.from_clicks(frame.lazy(), items) for frame in (old, recent, new)
    )
    counts = items[COUNT].to_numpy()
    found = {}
    for name, ranking in rank_baselines(NAMES, counts, learned, asked, K).items():
        found[f"{NAMES[name]}, Recall@20"] = recall(ranking.ranks, K)
        found[f"{NAMES[name]}, MRR@20"] = mean_reciprocal_rank(ranking.ranks, K)
    few = rank_baselines(["sequential_rules"], counts, newest, asked, K)
    found["rules of a third"] = recall(few["sequential_rules"].ranks, K)
    return found | explain_new_items(learned, asked, len(items))


def explain_new_items(
    learned: PackedSessions, asked: PackedSessions, num_items: int
) -> dict[str, float]:
    """Return Recall@20 of clicks on new items, by what followed earlier clicks.

    Of events with `BACK` clicks before: what follows the last click by one step, the
    one before by two, and so on, alone and together, each by the number of steps.
    """
    follow = [count_following(learned, num_items, step) for step in range(1, BACK + 1)]
    alone = {f"from {step} back": [step] for step in range(1, BACK + 1)}
    is_asked = is_new_item(asked)
    found = {}
    for name, steps in {**alone, f"from 1 to {BACK} back": range(1, BACK + 1)}.items():
        parts = rank_by_steps(follow, steps, asked)
        ranks = collect_ranks(parts, targets(asked), K).ranks
        found[f"new items {name}"] = recall(ranks[is_asked], K)
    return found


def count_following(sessions: PackedSessions, num_items: int, steps: int) -> csr_array:
    """Return which part of the clicks `steps` after an item was on each other one."""
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    together = session[:-steps] == session[steps:]
    pairs = sessions.items[:-steps][together], sessions.items[steps:][together]
    shape = (num_items + 1, num_items + 1)
    counts = csr_array((np.ones(len(pairs[0])), pairs), shape)
    of_item = np.asarray(counts.sum(axis=1)).ravel()
    counts.data /= np.repeat(of_item, np.diff(counts.indptr))
    return counts


def rank_by_steps(
    follow: list[csr_array], steps: Collection[int], sessions: PackedSessions
) -> Iterator[csr_array]:
    """Yield the ranks of what followed the clicks so many steps back, without seen."""
    items = follow[0].shape[0]
    for events, before in clicks_before(sessions, SEEN):
        ones, shape = np.ones(len(before.event)), (events, items)
        seen = csr_array((ones, (before.event, before.item)), shape)
        scores = csr_array(shape)
        for step in steps:
            at = before.steps == step
            place = before.event[at], before.item[at]
            scores = (
                scores + csr_array((ones[at] / step, place), shape) @ follow[step - 1]
            )
        scores = csr_array(scores - scores.multiply(seen > 0))
        scores.eliminate_zeros()
        yield rank_rows(scores, K)


def is_new_item(sessions: PackedSessions) -> NDArray[np.bool_]:
    """Return which events are the first on their item, with `BACK` clicks before."""
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    position = np.arange(len(session)) - sessions.offsets[session]
    is_new = np.zeros(len(session), dtype=bool)
    pairs = np.stack([session, sessions.items], axis=1)
    is_new[np.unique(pairs, axis=0, return_index=True)[1]] = True
    chosen: NDArray[np.bool_] = (is_new & (position >= BACK))[position > 0]
    return chosen


def tabulate(columns: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table: a row for each statistic, a column for each shop."""
    lines = ["| | " + " | ".join(columns) + " |", "| :-- |" + " --: |" * len(columns)]
    for row in next(iter(columns.values())):
        values = (f"{column[row]:.3g}" for column in columns.values())
        lines.append(f"| {row} | " + " | ".join(values) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clicks", nargs="+", metavar="NAME=FILE", help="the last: ours")
    parser.add_argument("--figure", type=Path, help="an SVG file to draw it to")
    options = parser.parse_args()
    tables = dict(entry.split("=", 1) for entry in options.clicks)
    shops = {name: describe(pl.read_parquet(path)) for name, path in tables.items()}
    print(tabulate(shops))  # noqa: T201
    if options.figure:
        options.figure.write_text(draw_dots(shops), encoding="utf-8")
