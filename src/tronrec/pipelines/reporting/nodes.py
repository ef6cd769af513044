"""The nodes of reporting."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from tronrec.data.codes import to_codes
from tronrec.data.engine import Record, Table, engine_of
from tronrec.data.packed import PackedSessions
from tronrec.data.session_sample import (
    describe_sample,
    sample_sessions,
    validation_size,
)
from tronrec.params import (
    DatasetParams,
    EvaluationParams,
    FilteringParams,
    SplittingParams,
)
from tronrec.reporting import (
    account,
    analysis,
    figures,
    report,
    run_info,
    slices,
    tables,
)
from tronrec.reporting.paper import identify
from tronrec.run_folders import RANKS, RECORD, Content
from tronrec.schemas import SESSION


def collect_parameters(
    metrics: dict[str, Any],
    filtering: FilteringParams,
    splitting: SplittingParams,
    evaluation: EvaluationParams,
) -> DatasetParams:
    """Return all parameters of a run; those of the system are the measured model's."""
    return DatasetParams(
        system=metrics["system"],
        device=metrics["device"],
        filtering=filtering,
        splitting=splitting,
        evaluation=evaluation,
        **metrics["parameters"],
    )


def plot_recall(
    dataset: str,
    params: DatasetParams,
    history: pl.DataFrame,
    statistics: dict[str, Any],
) -> go.Figure:
    """Return Recall@20 after every epoch."""
    title = identify(dataset, statistics).title
    return figures.recall_curve({params.system: history}, title)


def tabulate_statistics(dataset: str, statistics: dict[str, Any]) -> str:
    """Return the sizes of the data set, Table 1 of the paper."""
    return tables.statistics_table(statistics, identify(dataset, statistics))


def write_summary(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    dataset: str,
    params: DatasetParams,
    metrics: dict[str, Any],
    history: pl.DataFrame,
    statistics: dict[str, Any],
    ingestion_report: dict[str, Any],
    preparation_report: dict[str, Any],
    validation_period: Record,
    test_period: Record,
) -> str:
    """Return the one page that tells how the run went."""
    data = identify(dataset, statistics)
    sizes = tables.statistics_table(statistics, data)
    rows = account.account_table(ingestion_report, preparation_report)
    periods = validation_period, test_period
    cautions = [found for period in periods if (found := period.get("warning"))]
    held_out = f"the {_held_out(params.training.validation_sessions, statistics)}"
    return tables.summary(
        data, params, metrics, history, f"{sizes}\n{rows}", cautions, held_out
    )


def _held_out(stated: int | None, statistics: dict[str, Any]) -> str:
    """Return on what sessions epochs were measured, in words."""
    part = statistics["validation"]
    total, items = part["sessions"], statistics["train"]["items"]
    size = validation_size(stated, sessions=total, clicks=part["events"], items=items)
    return describe_sample(size, total, "held-out")


def analyse_test(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    test: Table,
    train: Table,
    items: pl.DataFrame,
    item_ids: pl.DataFrame,
    model_ranks: pl.DataFrame,
    baseline_ranks: pl.DataFrame,
    best_ranks: pl.DataFrame,
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """Return how the model does against baselines, and on which events."""
    k, engine = analysis.list_length(evaluation), engine_of(train)
    events = slices.describe_events(
        engine.to_polars(test),
        to_codes(items, item_ids),
        engine.first_clicks(train),
    )
    events = slices.of_sessions(events, model_ranks[SESSION])
    found = analysis.analyse_test(events, model_ranks, baseline_ranks, k)
    catalogue = analysis.analyse_catalogue(items, events, best_ranks, k)
    return {**found, "catalogue": catalogue}


def collect_report(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    dataset: str,
    statistics: dict[str, Any],
    metrics: dict[str, Any],
    history: pl.DataFrame,
    fit: PackedSessions,
    items: pl.DataFrame,
    preparation_report: dict[str, Any],
    days: dict[str, Any],
    test_analysis: dict[str, Any],
    examples: dict[str, Any],
) -> dict[str, Any]:
    """Return every number of the report."""
    seconds = float(history["seconds"].sum())
    return {
        "title": report.title(metrics["system"], identify(dataset, statistics)),
        "facts": report.facts(metrics, history.height, seconds),
        "epoch": metrics["epoch"],
        "held_out": _held_out(
            metrics["parameters"]["training"]["validation_sessions"], statistics
        ),
        "epochs": history.to_dicts(),
        "test": test_analysis,
        "data": analysis.analyse_data(fit, items, preparation_report, days),
        **examples,
    }


def write_report(numbers: dict[str, Any]) -> str:
    """Return the report of the run as one HTML page."""
    return report.write_report(numbers)


def record_run(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    dataset: str,
    params: DatasetParams,
    metrics: dict[str, Any],
    history: pl.DataFrame,
    fit: PackedSessions,
    validation: PackedSessions,
    test: PackedSessions,
) -> dict[str, Any]:
    """Return the record that ties the numbers to code, data and parameters."""
    measured = sample_sessions(test, params.evaluation.sessions)
    parts = {"fit": fit, "validation": validation, "test": measured}
    checksums = {part: sessions.fingerprint() for part, sessions in parts.items()}
    return run_info.describe_run(dataset, params, checksums, metrics, history)


def collect_files(  # noqa: PLR0913, PLR0917 - a node's inputs come one by one
    run: dict[str, Any],
    summary: str,
    report: str,
    report_numbers: dict[str, Any],
    history: pl.DataFrame,
    ranks: pl.DataFrame,
) -> dict[str, Content]:
    """Return the files that are kept of a run, by their names."""
    return {
        RECORD: run,
        RANKS: ranks,
        "summary.md": summary,
        "report.html": report,
        "report.json": report_numbers,
        "history.parquet": history,
    }
