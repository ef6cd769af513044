"""Finished runs side by side, against the slow way to compare two."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tronrec.datasets.runs import RunsDataset
from tronrec.errors import UserError
from tronrec.reporting.runs import compare_runs, find_subject, page, text_table
from tronrec.run_folders import FinishedRun, keep_run, read_runs, remove_old

SESSIONS = np.repeat(np.arange(30), 3)


def files(
    number: int, *, system: str = "tron_xl", test: str = "t", **training: Any
) -> dict[str, Any]:
    generator = np.random.default_rng(number)
    ranks = generator.integers(1, 30 + 60 * number, len(SESSIONS))
    record = {
        "finished_at": f"2026-11-2{number}T10:00:00+00:00",
        "parameters": {"system": system, "training": {"epochs": 2} | training},
        "data": {"test": test},
        "metrics": {"system": system},
        "durations": {"epochs": 2, "training_seconds": 90.0},
        "peak_bytes": 3 << 20,
    }
    table = pl.DataFrame({"session_id": SESSIONS, system: ranks})
    return {"run.json": record, "ranks.parquet": table, "summary.md": "# ü\n"}


@pytest.fixture
def runs(tmp_path: Path) -> list[FinishedRun]:
    keep_run(tmp_path, files(1, learning_rate=0.1))
    keep_run(tmp_path, files(2, system="sasrec", learning_rate=0.1))
    keep_run(tmp_path, files(3))
    keep_run(tmp_path, files(4, test="other"))
    return read_runs(tmp_path)


def test_each_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = (keep_run(tmp_path, files(1)) for _ in range(2))
    assert [path.name for path in (first, second)] == [
        "2026-11-21T10-00-00-tron_xl",
        "2026-11-21T10-00-00-tron_xl-2",
    ]
    assert (first / "summary.md").read_text("utf-8") == "# ü\n"
    (run, _) = read_runs(tmp_path)
    assert run.record == files(1)["run.json"]
    assert run.ranks().equals(files(1)["ranks.parquet"])


def test_a_folder_that_is_not_whole_does_not_appear(tmp_path: Path) -> None:
    broken = files(1) | {"numbers.json": {"share": float("nan")}}
    with pytest.raises(ValueError, match="not JSON compliant"):
        keep_run(tmp_path, broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("keep", "left"), [(0, []), (1, [4]), (3, [2, 3, 4]), (9, [])])
def test_the_newest_stay(keep: int, left: list[int], runs, tmp_path: Path) -> None:
    removed = remove_old(tmp_path, keep)
    names = [run.name for run in read_runs(tmp_path)]
    assert [int(name[9]) for name in names] == (left if keep < 9 else [1, 2, 3, 4])
    assert sorted(removed + names) == [run.name for run in runs]


def test_rows_have_what_was_measured_and_what_differs(runs) -> None:
    subject = find_subject(runs, "2026-11-23T10-00-00-tron_xl")
    rows = compare_runs(runs, subject, resamples=200)
    for run, row in zip(runs, rows, strict=True):
        ranks = run.ranks().to_series(1)
        assert row["recall@20"] == pytest.approx((ranks <= 20).mean())
        low, high = row["mrr@20_interval"]
        assert low <= row["mrr@20"] <= high
    first, second, itself, other = rows
    assert first["differs"] == {"training.learning_rate": 0.1}
    assert second["differs"] == {"system": "sasrec", "training.learning_rate": 0.1}
    assert itself["differs"] == {}
    assert "recall@20_p" in first
    assert not {"recall@20_p", "mrr@20_p"} & (itself.keys() | other.keys())


def test_a_p_value_is_that_of_random_exchanges(runs) -> None:
    """Against all sign flips drawn one by one, as the definition has it."""
    one, _, two, _ = runs
    row = compare_runs(runs, two, resamples=2000)[0]
    hits = [(run.ranks().to_series(1).to_numpy() <= 20) for run in (one, two)]
    difference = np.bincount(SESSIONS, hits[1] * 1.0 - hits[0])
    generator = np.random.default_rng(5)
    as_large = [
        abs(difference @ generator.choice([-1, 1], 30)) >= abs(difference.sum()) - 1e-9
        for _ in range(4000)
    ]
    assert row["recall@20_p"] == pytest.approx(np.mean(as_large), abs=0.04)


def test_table_and_page_show_all(runs) -> None:
    rows = compare_runs(runs, runs[-1], resamples=100)
    table = text_table(rows)
    assert table.count("\n") == 6
    assert "other test sessions, system=sasrec, training.learning_rate=0.1" in table
    assert "| 1.5 | 3 |" in table
    html = page(rows, "a<b", runs[-1].name)
    assert "<h1>Runs on a&lt;b</h1>" in html
    assert all(f'href="runs/{run.name}/report.html"' in html for run in runs)
    assert html.index(runs[-1].name) < html.index(runs[0].name)
    assert "http" not in html


def test_mistakes_are_named(runs, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No run has been finished"):
        find_subject([], None)
    assert find_subject(runs, None) == runs[-1]
    with pytest.raises(UserError, match=r"--against=x: no such run; known: 2026-11-21"):
        find_subject(runs, "x")
    (runs[0].folder / "ranks.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"ranks\.parquet: no .*delete the folder"):
        runs[0].ranks()
    for text in ("{", "3", "{}", '{"metrics": {}}'):
        (runs[0].folder / "run.json").write_text(text)
        with pytest.raises(UserError, match=r"no readable record .*delete the folder"):
            read_runs(tmp_path)


def test_a_record_that_was_damaged_is_made_again(tmp_path: Path) -> None:
    newest = tmp_path / "run.json"
    dataset = RunsDataset(filepath=str(tmp_path / "runs"), newest=str(newest))
    dataset.save(files(1))
    assert not dataset.exists()
    newest.write_text(json.dumps(files(1)["run.json"]))
    assert dataset.exists()
    newest.write_text("{")
    assert not dataset.exists()


def test_what_a_kill_left_of_a_removal_goes_with_the_next(runs, tmp_path: Path) -> None:
    """A folder goes as a whole, so no run is there in part."""
    runs[0].folder.rename(tmp_path / f".removed.{runs[0].name}")
    assert len(read_runs(tmp_path)) == 3
    assert remove_old(tmp_path, 2) == [runs[1].name]
    assert {path.name for path in tmp_path.iterdir()} == {r.name for r in runs[2:]}
