import numpy as np
import pytest

from reference import neighbours as reference
from reference.data import random_sessions
from tronrec.baselines import neighbours
from tronrec.baselines.rank import rank_baselines
from tronrec.data.packed import PackedSessions

NUM_ITEMS, DEPTH = 30, 8


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {"REACH": 4, "RECENT": 6, "NEIGHBOURS": 5, "PART": 17}.items():
        monkeypatch.setattr(neighbours, name, value)


@pytest.fixture(params=range(4))
def data(request) -> tuple[PackedSessions, PackedSessions]:
    learned, test = (
        random_sessions(seed, sessions=60, num_items=NUM_ITEMS, longest=9)
        for seed in (request.param, request.param + 100)
    )
    return learned, test


def score_last(rows):
    return lambda before: rows.get(before[-1], {})


def test_ranks_match_the_definitions(data):
    learned, test = data
    counts = np.bincount(learned.items, minlength=NUM_ITEMS + 1)[1:]
    scores = {
        "session_popular": lambda before: reference.session_popular(
            before[-20:], [0, *counts.tolist()]
        ),
        "sequential_rules": score_last(reference.sequential_rules(learned, 4)),
        "item_knn": score_last(reference.item_neighbours(learned, 4)),
        "session_knn": lambda before: reference.session_neighbours(
            before, learned, reach=4, recent=6, neighbours=5
        ),
    }
    found = rank_baselines(scores, counts, learned, test, DEPTH)
    for name, score in scores.items():
        expected = reference.ranks(score, test, NUM_ITEMS, DEPTH)
        assert found[name].ranks.tolist() == expected, name


def test_shown_is_the_best_rank_of_an_item_in_any_list(data):
    learned, test = data
    counts = np.bincount(learned.items, minlength=NUM_ITEMS + 1)[1:]
    rules = reference.sequential_rules(learned, 4)
    best = dict.fromkeys(range(1, NUM_ITEMS + 1), DEPTH + 1)
    for items in reference.split(test):
        for last in items[:-1]:
            row = {i: round(s, 12) for i, s in rules.get(last, {}).items()}
            for item, score in row.items():
                rank = sum(other >= score for other in row.values())
                best[item] = min(best[item], rank)
    found = rank_baselines(["sequential_rules"], counts, learned, test, DEPTH)
    assert found["sequential_rules"].best_rank_by_item.tolist() == list(best.values())


def test_only_the_newest_clicks_are_counted(data, monkeypatch):
    learned, _ = data
    rows = neighbours.sequential_rules(learned, NUM_ITEMS)
    begin = int(learned.offsets[20])
    newest = PackedSessions(
        np.asarray(learned.items[begin:]), learned.offsets[20:] - begin
    )
    monkeypatch.setattr(neighbours, "LEARNED", len(newest.items))
    cut = neighbours.sequential_rules(learned, NUM_ITEMS)
    same = neighbours.sequential_rules(newest, NUM_ITEMS)
    assert (cut != same).nnz == 0
    assert (cut != rows).nnz > 0
