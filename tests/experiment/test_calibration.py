"""Whether the analysis is right as often as it says, over many simulated tests.

Short by default; `TRONREC_TRIALS=1000` runs as many tests of each kind.
"""

import math
import os
from collections.abc import Iterator

import numpy as np
import pytest

from tronrec.experiment import always_valid, sample_ratio
from tronrec.experiment.ratios import Estimate, Ratio, compare
from tronrec.experiment.simulate import DAY, draw_block
from tronrec.experiment.totals import VisitorDays, moments_by_day
from tronrec.params.experiment import ExperimentParams
from tronrec.params.simulated_test import SimulatedTestParams

TRIALS = int(os.environ.get("TRONREC_TRIALS", "25"))
DAYS, SCALE = 9, 0.1
PLANNED = {"click": 0.1814, "cart": 0.2385, "order": 0.2367}
METRICS = {
    "clicks_per_impression": (Ratio(2, 1), "click"),
    "add_to_carts": (Ratio(3, 0), "cart"),
    "units": (Ratio(4, 0), "order"),
}
"""Columns: visitors, impressions, clicks, carts, pieces ordered; the same before."""
BEFORE = 5, 6


def trial(seed: int, effects: dict[str, float]) -> list[dict[str, Estimate]]:
    """Return what one test finds at the end of each day: metric -> estimate."""
    experiment = ExperimentParams(
        salt=f"trial {seed}", groups={"control": 1, "treated": 1}, control="control"
    )
    params = SimulatedTestParams(
        visitors=10_000,
        days=DAYS,
        days_before=5,
        effects={"treated": effects},
        seed=seed,
    )
    draws = draw_block(experiment, params, 0)
    began = int(params.begin.timestamp() * 1000)
    cells = draws.visitor + params.visitors * ((draws.time - began) // DAY)
    sums = [np.ones(len(cells))]
    followed = draws.followed
    sums += [followed.times[kind] >= 0 for kind in ("click", "cart")]
    sums += [np.where(followed.times["order"] >= 0, followed.pieces, 0)]
    during = draws.time >= began
    done = [
        np.bincount(cells[during], own[during], params.visitors * DAYS) for own in sums
    ]
    active = np.flatnonzero(done[0])
    before = [
        np.bincount(draws.visitor[~during], own[~during], params.visitors)
        for own in sums[:2]
    ]
    rows = VisitorDays(
        active % params.visitors,
        active // params.visitors,
        np.stack([own[active] for own in done], 1),
        draws.groups.to_physical().to_numpy(),
        np.stack(before, 1),
    )
    return [
        {name: compare(*day, ratio) for name, (ratio, _) in METRICS.items()}
        | {"cuped": compare(*day, METRICS["clicks_per_impression"][0], BEFORE)}
        for day in moments_by_day(rows, 2)
    ]


@pytest.fixture(scope="module")
def without_effect() -> list[list[dict[str, Estimate]]]:
    return [trial(seed, {}) for seed in range(TRIALS)]


def near(share: float) -> float:
    """How far a share may be off: two standard errors of 1,000; six of fewer."""
    error = math.sqrt(share * (1 - share) / TRIALS)
    return (2 if TRIALS >= 1000 else 6) * error


NAMES = [*METRICS, "cuped"]


@pytest.mark.parametrize("name", NAMES)
def test_no_effect_is_significant_one_time_in_twenty(without_effect, name):
    found = [days[-1][name].p_value() < 0.05 for days in without_effect]
    report(f"A/A, {name}: significant", found)
    assert np.mean(found) == pytest.approx(0.05, abs=near(0.05))


@pytest.mark.parametrize("name", NAMES)
def test_looking_every_day_is_wrong_one_time_in_twenty_at_most(without_effect, name):
    ever, peeking = [], []
    for days in without_effect:
        looks = [day[name] for day in days]
        ever.append(min(always_valid.p_value(own, SCALE) for own in looks) < 0.05)
        peeking.append(min(own.p_value() for own in looks) < 0.05)
    report(f"A/A, {name}: ever significant, always-valid", ever)
    report(f"A/A, {name}: ever significant, usual interval", peeking)
    assert np.mean(ever) <= 0.05 + near(0.05)
    assert np.mean(peeking) > np.mean(ever)


def test_intervals_hold_a_known_uplift():
    held: dict[str, list[bool]] = {name: [] for name in NAMES}
    always: dict[str, list[bool]] = {name: [] for name in NAMES}
    for seed in range(TRIALS):
        days = trial(TRIALS + seed, PLANNED)
        for name in NAMES:
            _, kind = METRICS.get(name, METRICS["clicks_per_impression"])
            truth = math.log1p(PLANNED[kind])
            low, high = days[-1][name].interval(0.95)
            held[name].append(low <= truth <= high)
            bounds = [always_valid.interval(day[name], 0.95, SCALE) for day in days]
            always[name].append(all(a <= truth <= b for a, b in bounds))
    for name in NAMES:
        report(f"uplift, {name}: interval holds it", held[name])
        report(f"uplift, {name}: always-valid intervals hold it", always[name])
        assert np.mean(held[name]) == pytest.approx(0.95, abs=near(0.05))
        assert np.mean(always[name]) >= 0.95 - near(0.05)


def alarms(lost: float) -> Iterator[bool]:
    """Yield whether a test of 200,000 visitors in each group raises the alarm."""
    rng = np.random.default_rng(0)
    weights = {"control": 1.0, "treated": 1.0}
    for _ in range(max(TRIALS, 1000)):
        control = rng.binomial(400_000, 0.5)
        treated = rng.binomial(400_000 - control, 1 - lost)
        visitors = {"control": int(control), "treated": int(treated)}
        yield sample_ratio.p_value(visitors, weights) < 0.001


def test_sound_tests_raise_no_alarm_and_lost_visitors_do():
    sound, unsound = list(alarms(0)), list(alarms(0.02))
    report("sample ratio, sound: alarm", sound)
    report("sample ratio, 2 % of a group lost: alarm", unsound)
    assert np.mean(sound) < 0.003
    assert np.mean(unsound) > 0.95


def report(what: str, found: list[bool]) -> None:
    """Print a share, which `pytest -s` shows."""
    print(f"\n{what}: {np.mean(found):.1%} of {len(found)}", end="")  # noqa: T201
