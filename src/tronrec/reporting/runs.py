"""Finished runs side by side: what differs, how they measure up, and how surely."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tronrec.errors import UserError
from tronrec.evaluation.significance import compare
from tronrec.reporting.tables import markdown_table
from tronrec.run_folders import FinishedRun
from tronrec.schemas import SESSION

METRICS = ("recall@20", "mrr@20")
HEADER = ("run", "Recall@20", "p", "MRR@20", "p", "epochs", "minutes", "MiB", "differs")
MEBIBYTE = 2**20
LEAST_P = 1e-3
"""P-values below it are not told apart."""

SUBJECT_ROW = '<tr class="subject">'
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem;
  padding: 0 1rem; color: #222; background: #fff; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ddd;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
td:last-child { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
tr.subject { background: #eef4ff; }
"""


def find_subject(runs: Sequence[FinishedRun], name: str | None) -> FinishedRun:
    """Return the run that the others are compared with: the newest by default.

    Raises:
        UserError: There is no run, or none of this name.
    """
    if not runs:
        raise UserError(
            "No run has been finished here; `kedro run` with a train_* pipeline, or "
            "name the environment of the runs: --env=sample"
        )
    if name is None:
        return runs[-1]
    named = [run for run in runs if run.name == name]
    if not named:
        known = ", ".join(run.name for run in runs)
        raise UserError(f"--against={name}: no such run; known: {known}")
    return named[0]


def compare_runs(
    runs: Sequence[FinishedRun], subject: FinishedRun, *, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Return a row for each run: metrics with intervals, p-values, what differs.

    Runs are tested against the subject where both have ranked the same events; the
    p-value is that of a paired permutation test over sessions.

    Args:
        runs: The runs on a data set.
        subject: The run that the others are compared with.
        resamples: Draws of sessions behind an interval or a p-value.
    """
    measured: dict[str, dict[str, Any]] = {}
    for fingerprint in {run.record["data"]["test"] for run in runs}:
        alike = [run for run in runs if run.record["data"]["test"] == fingerprint]
        tables = {run.name: run.ranks() for run in alike}
        session = tables[alike[0].name][SESSION].to_numpy()
        ranks = {name: _ranks_in(table) for name, table in tables.items()}
        measured |= compare(ranks, session, subject=subject.name, resamples=resamples)
    return [_row(run, subject, measured[run.name]) for run in runs]


def _ranks_in(table: pl.DataFrame) -> np.ndarray:
    """Return the ranks of a table that has one column of them, named as the system."""
    return table.select(pl.exclude(SESSION)).to_series().to_numpy()


def _row(
    run: FinishedRun, subject: FinishedRun, measured: Mapping[str, Any]
) -> dict[str, Any]:
    record = run.record
    return {
        "run": run.name,
        **measured,
        "epochs": record["durations"]["epochs"],
        "training_seconds": record["durations"]["training_seconds"],
        "peak_bytes": record.get("peak_bytes"),
        "same_events": record["data"]["test"] == subject.record["data"]["test"],
        "differs": {} if run is subject else _differences(record, subject.record),
    }


def _differences(
    record: Mapping[str, Any], subject: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the run's parameters that are not the subject's, by their full names."""
    own, other = (dict(_flatten(r["parameters"])) for r in (record, subject))
    return {
        name: own.get(name)
        for name in sorted(own.keys() | other.keys())
        if own.get(name) != other.get(name)
    }


def _flatten(tree: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def text_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the comparison as a Markdown table."""
    return markdown_table(HEADER, map(_cells, rows))


def page(rows: Sequence[Mapping[str, Any]], dataset: str, subject: str) -> str:
    """Return the comparison as an HTML file that lies beside the folder `runs`."""
    head = "".join(f"<th>{name}</th>" for name in HEADER)
    body = "\n".join(
        _html_row(row, highlighted=row["run"] == subject) for row in reversed(rows)
    )
    title = f"Runs on {html.escape(dataset)}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style></head><body>
<h1>{title}</h1>
<p>In brackets: 95 % interval by bootstrap over test sessions. p: paired permutation
test against {html.escape(subject)}, where both have ranked the same events. MiB:
largest memory of the process.</p>
<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></div></body></html>
"""


def _html_row(row: Mapping[str, Any], *, highlighted: bool) -> str:
    """Return a row whose first cell leads to the report of the run."""
    name, *cells = map(html.escape, _cells(row))
    link = f'<a href="runs/{name}/report.html">{name}</a>'
    start = SUBJECT_ROW if highlighted else "<tr>"
    return start + "".join(f"<td>{cell}</td>" for cell in (link, *cells)) + "</tr>"


def _cells(row: Mapping[str, Any]) -> list[str]:
    cells = [str(row["run"])]
    for metric in METRICS:
        low, high = row[f"{metric}_interval"]
        p_value = row.get(f"{metric}_p")
        cells += [f"{row[metric]:.4f} [{low:.4f}, {high:.4f}]", _p_cell(p_value)]
    peak = row["peak_bytes"]
    differs = [f"{name}={value}" for name, value in row["differs"].items()]
    if not row["same_events"]:
        differs.insert(0, "other test sessions")
    return [
        *cells,
        str(row["epochs"]),
        f"{row['training_seconds'] / 60:.1f}",
        f"{peak / MEBIBYTE:,.0f}" if peak else "",
        ", ".join(differs),
    ]


def _p_cell(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return "< .001" if p_value < LEAST_P else f"{p_value:.3f}"
