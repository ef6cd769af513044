"""The statistics of clicks, against counting one by one; and those of the sample."""

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
import yaml

from scripts import load_script
from tronrec.data.packed import PackedSessions
from tronrec.data.simulate import simulate_clicks
from tronrec.params import SimulationParams
from tronrec.schemas import ITEM, SESSION

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dots() -> ModuleType:
    return load_script("benchmarks/dots.py")


@pytest.fixture(scope="module")
def realism(dots: ModuleType) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "dots", dots)
        return load_script("benchmarks/realism.py")


Sessions = list[list[int]]


def draw(seed: int, sessions: int, items: int) -> Sessions:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 12, sessions)
    return [(1 + items * rng.random(n) ** 2).astype(int).tolist() for n in lengths]


def pack(sessions: Sessions) -> PackedSessions:
    offsets = np.cumsum([0, *map(len, sessions)])
    return PackedSessions(np.concatenate(sessions).astype(np.int32), offsets)


def tabulate(sessions: Sessions) -> pl.DataFrame:
    return pl.DataFrame({SESSION: range(len(sessions)), ITEM: sessions}).explode(ITEM)


@pytest.mark.parametrize("seed", range(3))
def test_repeats_are_counted(realism: ModuleType, seed: int) -> None:
    sessions = draw(seed, 50, 15)
    later = [(s[:n], s[n]) for s in sessions for n in range(1, len(s))]
    assert realism.count_repeats(tabulate(sessions)) == pytest.approx(
        {
            "repeats": np.mean([item in before for before, item in later]),
            "repeats of the last item": np.mean([b[-1] == item for b, item in later]),
        }
    )


def test_popularity_that_lasts_is_that_of_the_last_part(realism: ModuleType) -> None:
    steady = draw(0, 500, 100)
    found = realism.describe_popularity(tabulate(steady))
    assert found["popularity that lasts"] == pytest.approx(1, abs=0.2)
    clicks = Counter(item for session in steady for item in session)
    top = sum(count for _, count in clicks.most_common(len(clicks) // 10))
    assert found["popularity, top tenth"] == pytest.approx(top / clicks.total())
    moved = [[item + n // 50 * 10 for item in s] for n, s in enumerate(steady)]
    assert realism.describe_popularity(tabulate(moved))["popularity that lasts"] < 0.3


def test_the_slope_is_that_of_a_power_law(realism: ModuleType) -> None:
    items = np.arange(1, 401)
    clicks = np.repeat(items, (3000 / items**0.7).round().astype(int))
    np.random.default_rng(0).shuffle(clicks)
    clicks = tabulate(np.resize(clicks, (len(clicks) // 5, 5)).tolist())
    slope = realism.describe_popularity(clicks)["popularity, slope"]
    assert slope == pytest.approx(-0.7, abs=0.01)


def found_by_steps(
    learned: Sessions, asked: Sessions, steps: list[int], back: int, k: int
) -> float:
    following = {step: Counter() for step in steps}
    outgoing = {step: Counter() for step in steps}
    for step in steps:
        for session in learned:
            for pair in zip(session, session[step:], strict=False):
                following[step][pair] += 1
                outgoing[step][pair[0]] += 1
    found = []
    for session in asked:
        for n in range(back, len(session)):
            seen, target, scores = session[:n], session[n], Counter()
            if target in seen:
                continue
            for step in steps:
                for (first, second), count in following[step].items():
                    if first == seen[-step] and second not in seen:
                        scores[second] += count / outgoing[step][first] / step
            own = scores[target]
            ahead = sum(round(score - own, 9) >= 0 for score in scores.values())
            found.append(own > 0 and ahead <= k)
    return float(np.mean(found))


@pytest.mark.parametrize("seed", range(3))
def test_new_items_are_explained_by_the_clicks_before(
    realism: ModuleType, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(realism, "K", 4)
    learned, asked = draw(seed, 40, 30), draw(seed + 100, 40, 30)
    found = realism.explain_new_items(pack(learned), pack(asked), num_items=30)
    expected = {
        f"new items from {name} back": found_by_steps(learned, asked, steps, 3, 4)
        for name, steps in {
            "1": [1],
            "2": [2],
            "3": [3],
            "1 to 3": [1, 2, 3],
        }.items()
    }
    assert found == pytest.approx(expected)


REAL = {
    "clicks per item": (23, 59),
    "session length, mean": (4.2, 4.9),
    "session length, median": (3, 4),
    "session length, nine in ten": (8, 9),
    "repeats": (0.20, 0.28),
    "repeats of the last item": (0.09, 0.17),
    "popularity, slope": (-0.93, -0.50),
    "popularity, top tenth": (0.45, 0.74),
    "popularity that lasts": (0.50, 0.76),
    "rules, Recall@20": (0.32, 0.54),
    "rules, MRR@20": (0.10, 0.24),
    "session kNN, Recall@20": (0.50, 0.68),
    "session kNN, MRR@20": (0.17, 0.28),
    "new items from 1 back": (0.23, 0.57),
    "new items from 2 back": (0.14, 0.43),
    "new items from 3 back": (0.11, 0.36),
    "new items from 1 to 3 back": (0.31, 0.62),
}
"""From Diginetica to Yoochoose 1/64, as the docs have them."""


def test_the_sample_lies_among_real_shops(realism: ModuleType) -> None:
    sample = yaml.safe_load((ROOT / "conf/sample/parameters.yml").read_text())
    params = SimulationParams.model_validate(sample["otto"]["simulation"])
    found = realism.describe(pl.concat(simulate_clicks(params)))
    outside = {
        row: found[row]
        for row, (low, high) in REAL.items()
        if not low <= found[row] <= high
    }
    assert not outside


def test_the_figure_has_a_dot_for_each_value(
    dots: ModuleType, realism: ModuleType
) -> None:
    shops = {
        "a & b": {"x": 1.0, "y": -0.5},
        "ours": {"x": 2.0, "y": -0.25},
    }
    figure = dots.draw_dots(shops)
    assert figure.count("<circle") == 2 + 2 * 2
    assert "a &amp; b" in figure
    assert ">-0.25</text>" in figure
    assert realism.tabulate(shops).splitlines()[2:] == [
        "| x | 1 | 2 |",
        "| y | -0.5 | -0.25 |",
    ]
