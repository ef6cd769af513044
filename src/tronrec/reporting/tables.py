"""Markdown tables of a run, with the paper's figures beside ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from tronrec.data.session_sample import describe_sample
from tronrec.params import DatasetParams, Params
from tronrec.reporting.paper import LABELS, ReportedData

CHOOSERS = {
    "recall@20": "Recall@20",
    "mrr@20": "MRR@20",
    "both": "Recall@20 times MRR@20",
}
"""What an epoch is chosen by, as readers know it."""

PARTS = {
    "train": "training period",
    "fit": "of it fitted",
    "validation": "of it held out",
    "test": "test",
}
"""The parts of a data set in `statistics`, in the order of the table."""


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, align: str = "--:"
) -> str:
    """Return a Markdown table; `align` holds for all columns after the first."""
    rule = [":--", *[align] * (len(header) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))


def statistics_table(
    statistics: Mapping[str, Mapping[str, Any]], dataset: ReportedData
) -> str:
    """Return Table 1 for a run; the paper's rows follow if the data set is its own."""
    rows = [
        [label, *_sizes(statistics[part]), *_period(statistics[part])]
        for part, label in PARTS.items()
    ]
    rows += [
        [f"{PARTS[part]}, paper", *sizes, "", ""]
        for part, sizes in dataset.sizes.items()
    ]
    header = ["", "sessions", "events", "items", "first click", "last click"]
    return markdown_table(header, rows)


def _sizes(counts: Mapping[str, Any]) -> list[str]:
    return [f"{counts[name]:,}" for name in ("sessions", "events", "items")]


def _period(counts: Mapping[str, Any]) -> list[str]:
    """Return first and last click to the minute; a part without clicks has none."""
    return [(counts[name] or "")[:16].replace("T", " ") for name in ("first", "last")]


def result_table(metrics: Mapping[str, Any], dataset: ReportedData) -> str:
    """Return every metric of the system, of the baselines and of the paper's system.

    Recall@20 and MRR@20 have their intervals, if they were measured.
    """
    system = metrics["system"]
    columns = {LABELS.get(system, system): metrics["metrics"], **metrics["baselines"]}
    if paper := dataset.results.get(system):
        columns["paper"] = {"recall@20": paper.recall, "mrr@20": paper.mrr}
    intervals = metrics.get("intervals", {})
    bounds = {LABELS.get(name, name): found for name, found in intervals.items()}
    rows = [
        [
            metric,
            *(
                _score(values.get(metric), bounds.get(name, {}).get(metric))
                for name, values in columns.items()
            ),
        ]
        for metric in metrics["metrics"]
    ]
    return markdown_table(["", *columns], rows)


def _score(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return ""
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f} [{interval[0]:.4f}, {interval[1]:.4f}]"


def changed_parameters(params: DatasetParams) -> list[tuple[str, object, object]]:
    """Return name, value and default of each parameter that is not at its default."""

    def walk(block: Params, default: Params, prefix: str) -> None:
        for name in type(block).model_fields:
            value, usual = getattr(block, name), getattr(default, name)
            if isinstance(value, Params):
                walk(value, usual, f"{prefix}{name}.")
            elif value != usual:
                changed.append((prefix + name, value, usual))

    changed: list[tuple[str, object, object]] = []
    walk(params, DatasetParams(), "")
    return changed


def parameters_table(params: DatasetParams) -> str:
    """Return the parameters that differ from the defaults."""
    changed = changed_parameters(params)
    if not changed:
        return "All parameters have their default values.\n"
    rows = ([f"`{name}`", *map(written, values)] for name, *values in changed)
    return markdown_table(["parameter", "value", "default"], rows)


def written(value: object) -> str:
    """Return a parameter's value as a user writes it in YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(written, value))}]"
        case _:
            return str(value)


def epochs_per_hour(history: pl.DataFrame) -> float:
    """Return the speed of training, measurements after each epoch not counted."""
    return 3600 * history.height / float(history["seconds"].sum())


def summary(  # noqa: PLR0913, PLR0917 - a page of several parts
    dataset: ReportedData,
    params: DatasetParams,
    metrics: Mapping[str, Any],
    history: pl.DataFrame,
    data: str,
    cautions: Iterable[str] = (),
    held_out: str = "the held-out sessions",
) -> str:
    """Return the one page that tells how a run went.

    Args:
        dataset: Name of the data set, and the paper's figures.
        params: Every parameter of the run.
        metrics: The measurement on the test set.
        history: One row an epoch.
        data: The tables about the data: its sizes, and what became of every row.
        cautions: What makes the measurement doubtful.
        held_out: On what sessions epochs were measured, in words.
    """
    system = metrics["system"]
    chosen = (
        "the last one, as no sessions were held out"
        if history["validation_mrr@20"].is_null().all()
        else f"chosen by {CHOOSERS[params.training.choose_by]} on {held_out}"
    )
    measured = metrics["sessions"]
    test = describe_sample(measured, metrics.get("drawn_from", measured), "test")
    speed = f"{_round(epochs_per_hour(history))} epochs an hour"
    if paper := dataset.results.get(system):
        speed += f" (paper, one V100: {_round(paper.epochs_per_hour)})"
    return f"""# {LABELS.get(system, system)} on {dataset.title}

Epoch {metrics["epoch"]} of {history.height}, {chosen}. Training ran at {speed}.

The same with figures: [report.html](report.html).

## Accuracy

{metrics["events"]:,} events of {test}, each ranked among all \
{metrics["items"]:,} items. In brackets: 95 % interval by bootstrap over \
test sessions.

{"".join(map(_caution, cautions))}\
{result_table(metrics, dataset)}
## Data

{data}
## Parameters that differ from the defaults

{parameters_table(params)}"""


def _caution(text: str) -> str:
    return f"**Caution.** {text}\n\n"


def _round(value: float) -> str:
    """Return three significant digits, and all digits before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004
