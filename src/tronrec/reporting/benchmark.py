"""Table 2 for our own runs: systems under one protocol, the paper's figures beside."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tronrec.params import BenchmarkParams
from tronrec.reporting.paper import LABELS, ReportedData
from tronrec.reporting.tables import markdown_table

METRICS = {"recall@20": "recall", "mrr@20": "mrr"}
"""Our metrics, and their names in the paper's Table 2."""

MEBIBYTE = 2**20
LEAST_P = 1e-3
"""P-values below it are not told apart."""


def result_rows(
    results: Mapping[str, Mapping[str, Any]], dataset: ReportedData, subject: str
) -> pl.DataFrame:
    """Return a row for each system: metrics, speed, and the subject's lead over it.

    Args:
        results: System -> what was measured.
        dataset: The data set with the paper's figures.
        subject: The system whose relative lead over each other is stated.
    """
    return pl.DataFrame(
        [
            {"system": name, **_measured(scores), **_paper(dataset, name)}
            | _lead(results.get(subject, {}), scores)
            for name, scores in results.items()
        ],
        infer_schema_length=None,
    )


def _measured(scores: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for metric in METRICS:
        row[metric] = scores[metric]
        row[f"{metric}_low"], row[f"{metric}_high"] = scores[f"{metric}_interval"]
    seconds, peak = scores.get("seconds"), scores.get("peak_bytes")
    return row | {
        "epoch": scores.get("epoch"),
        "epochs": scores.get("epochs"),
        "epochs_per_hour": 3600 * scores["epochs"] / seconds if seconds else None,
        "peak_mebibytes": peak / MEBIBYTE if peak else None,
    }


def _paper(dataset: ReportedData, name: str) -> dict[str, float | None]:
    """Return the paper's figures of a system, or null where it has none."""
    paper = dataset.results.get(name)
    fields = [*METRICS.values(), "epochs_per_hour"]
    return {f"paper_{field}": paper and getattr(paper, field) for field in fields}


def _lead(
    subject: Mapping[str, Any], scores: Mapping[str, Any]
) -> dict[str, float | None]:
    """Return by how much the subject is ahead, as a share, and the p-values."""
    row: dict[str, float | None] = {}
    for metric in METRICS:
        known = subject and subject is not scores and scores[metric]
        row[f"{metric}_lead"] = subject[metric] / scores[metric] - 1 if known else None
        row[f"{metric}_p"] = scores.get(f"{metric}_p")
    return row


def page(
    table: pl.DataFrame, dataset: ReportedData, params: BenchmarkParams, measured: str
) -> str:
    """Return Table 2 and the comparisons of its subject in Markdown.

    Args:
        table: The rows of `result_rows`.
        dataset: The data set with the paper's figures.
        params: Subject and number of resamples.
        measured: The test sessions, in words.
    """
    rows = table.to_dicts()
    subject = LABELS.get(params.chosen_subject, params.chosen_subject)
    return f"""# Systems on {dataset.title}

Every system was trained on the same sessions and measured once on the same events of
{measured}, after the epoch that is best on the held-out sessions, or after its last one
if none are held out. In brackets: 95 % interval by bootstrap over test sessions. Speed
and memory are those of this machine, the paper's of one V100.

{_results(rows)}
## {subject} against each

The relative lead, and the p-value of a paired permutation test over test sessions
({params.resamples:,} permutations).

{_leads(rows, dataset, params.chosen_subject)}"""


def _results(rows: list[dict[str, Any]]) -> str:
    header = ["system", "Recall@20", "paper", "MRR@20", "paper"]
    header += ["epoch", "epochs/hour", "paper", "peak MiB"]
    return markdown_table(
        header,
        [
            [
                LABELS.get(row["system"], row["system"]),
                *(
                    cell
                    for metric, name in METRICS.items()
                    for cell in (_interval(row, metric), _round(row[f"paper_{name}"]))
                ),
                f"{row['epoch']}/{row['epochs']}" if row["epochs"] else "",
                _short(row["epochs_per_hour"]),
                _short(row["paper_epochs_per_hour"]),
                _round(row["peak_mebibytes"], ",.0f"),
            ]
            for row in rows
        ],
    )


def _leads(rows: list[dict[str, Any]], dataset: ReportedData, subject: str) -> str:
    paper = dataset.results
    header = ["against", "Recall@20", "p", "paper", "MRR@20", "p", "paper"]
    found = []
    for row in rows:
        if row["recall@20_lead"] is None:
            continue
        cells = [LABELS.get(row["system"], row["system"])]
        for metric, name in METRICS.items():
            printed = subject in paper and row["system"] in paper
            cells += [
                _round(row[f"{metric}_lead"], "+.1%"),
                _p(row[f"{metric}_p"]),
                _round(getattr(paper[subject], name) / row[f"paper_{name}"] - 1, "+.1%")
                if printed
                else "",
            ]
        found.append(cells)
    return markdown_table(header, found)


def _interval(row: Mapping[str, Any], metric: str) -> str:
    low, high = row[f"{metric}_low"], row[f"{metric}_high"]
    return f"{row[metric]:.4f} [{low:.4f}, {high:.4f}]"


def _round(value: float | None, form: str = ".3f") -> str:
    return "" if value is None else format(value, form)


def _short(value: float | None) -> str:
    return _round(value, ",.3g")


def _p(value: float | None) -> str:
    return "< .001" if value is not None and value < LEAST_P else _round(value)
